import type { Runtime, Timer } from '@tidemark/core';
import type { Chance } from './chance.ts';
import type { EventLoop } from './event-loop.ts';

/** A process' clocks: its monotonic one begins anywhere and runs a little wrong, its wall clock is off. */
export interface Clock {
  readonly offsetMs: number;
  /** Milliseconds that it counts for each one that passes. */
  readonly rate: number;
  wallSkewMs: number;
}

/** What becomes of a process at one of its calls to a server. */
export type AtCall = 'goes-on' | 'dies-before' | 'dies-after';

const WALL_AT_START_MS = 1_800_000_000_000;

/**
 * One process from its start to its end. What reaches a dead one is dropped, continuations included;
 * what reaches a stopped one waits until it goes on.
 */
export class Life {
  /** `place#number`, as histories name processes. */
  readonly name: string;
  readonly region: string;
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly #loop: EventLoop;
  #alive = true;
  #held: (() => void)[] | null = null;
  #callsLeft = Number.POSITIVE_INFINITY;
  #deathAtCall: AtCall = 'dies-before';
  readonly #deaths: (() => void)[] = [];

  constructor(
    loop: EventLoop,
    chance: Chance,
    { name, region, clock }: { readonly name: string; readonly region: string; readonly clock: Clock },
  ) {
    this.name = name;
    this.region = region;
    this.clock = clock;
    this.#loop = loop;
    let ids = 0;
    const luck = chance.luck(`${name} random`);
    this.runtime = {
      monoMs: () => clock.offsetMs + loop.nowMs * clock.rate,
      wallMs: () => WALL_AT_START_MS + loop.nowMs + clock.wallSkewMs,
      random: () => luck.unit(),
      randomId: () => `${name}~${ids++}`,
      timer: (ms, task) => this.#timer(ms, task),
    };
  }

  get isAlive(): boolean {
    return this.#alive;
  }

  get isStopped(): boolean {
    return this.#held !== null;
  }

  /** Runs the task in this process: now, when it goes on, or never. */
  deliver(task: () => void): void {
    if (!this.#alive) return;
    if (this.#held) this.#held.push(task);
    else task();
  }

  /** Told when the process has died. */
  onDeath(task: () => void): void {
    this.#deaths.push(task);
  }

  kill(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#held = null;
    for (const task of this.#deaths) task();
  }

  /** It dies at its nth call to a server from now on. */
  dieAtCall(calls: number, how: AtCall): void {
    this.#callsLeft = calls;
    this.#deathAtCall = how;
  }

  /** Counts a call to a server. */
  atCall(): AtCall {
    this.#callsLeft -= 1;
    return this.#callsLeft === 0 ? this.#deathAtCall : 'goes-on';
  }

  stop(): void {
    if (this.#alive) this.#held ??= [];
  }

  goOn(): void {
    const held = this.#held ?? [];
    this.#held = null;
    // One by one: what one settles runs to its end before the next, as with any other event.
    for (const task of held) this.#loop.after(0, () => this.deliver(task));
  }

  #timer(ms: number, task: () => void): Timer {
    return this.#loop.after(Math.max(0, ms) / this.clock.rate, () => this.deliver(task));
  }
}
