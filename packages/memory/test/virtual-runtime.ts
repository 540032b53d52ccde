import type { Runtime, Timer } from '@tidemark/core';

interface Due {
  readonly atMs: number;
  readonly task: () => void;
}

/** Turns of the event loop in which promises go on before the clock moves. */
const TURNS = 3;
const PATIENCE_MS = 120_000;

/** A clock that stands still until a test moves it; everything that waits for it runs in order. */
export class VirtualRuntime implements Runtime {
  #nowMs = 1_000;
  #ids = 0;
  #state = 1;
  readonly #due = new Set<Due>();

  monoMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  random(): number {
    this.#state = (this.#state * 48_271) % 2_147_483_647;
    return this.#state / 2_147_483_647;
  }

  randomId(): string {
    this.#ids += 1;
    return `id-${this.#ids}`;
  }

  timer(ms: number, task: () => void): Timer {
    const due = { atMs: this.#nowMs + Math.max(0, ms), task };
    this.#due.add(due);
    return { cancel: () => void this.#due.delete(due) };
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (await turns(); this.#runNext(untilMs); await turns());
    this.#nowMs = untilMs;
  }

  /** Moves the clock until the work is done. */
  async settle<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const ended = () => void (done = true);
    work.then(ended, ended);
    const untilMs = this.#nowMs + PATIENCE_MS;
    for (await turns(); !done; await turns()) {
      if (!this.#runNext(untilMs)) throw new Error(`this takes longer than ${PATIENCE_MS} ms`);
    }
    return work;
  }

  #runNext(untilMs: number): boolean {
    let next: Due | null = null;
    // Of two at the same moment, the one that was set first.
    for (const due of this.#due) if (!next || due.atMs < next.atMs) next = due;
    if (!next || next.atMs > untilMs) return false;
    this.#due.delete(next);
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    next.task();
    return true;
  }
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
