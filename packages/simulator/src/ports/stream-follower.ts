import type { BusMessage, StreamHandler, Subscription } from '@tidemark/core';
import type { Chance } from '../kernel/chance.ts';
import type { EventLoop } from '../kernel/event-loop.ts';
import type { Life } from '../kernel/life.ts';
import type { Network } from '../kernel/network.ts';
import type { Coverage } from '../run/coverage.ts';
import type { Broker } from '../servers/broker.ts';

/** What the bus does to messages of streams; drawn for each run. */
export interface DeliveryKnobs {
  /** How often a message is delivered twice. */
  readonly twice: number;
  /** How often a message overtakes those before it. */
  readonly overtakes: number;
  /** How often a message is dropped and nobody says so. */
  readonly dropped: number;
}

export interface FollowerParts {
  readonly life: Life;
  readonly loop: EventLoop;
  readonly chance: Chance;
  readonly network: Network;
  readonly coverage: Coverage;
  readonly broker: Broker;
  readonly delivery: DeliveryKnobs;
}

const RETRY_MS = 100;

/** Carries one stream to one process: in order as a rule; late, twice, out of order or not at all as the run says. */
export class SimFollower implements Subscription {
  readonly #parts: FollowerParts;
  readonly #handler: StreamHandler;
  readonly #name: string;
  readonly #stopListening: () => void;
  #generation: number;
  /** Messages before it were sent; those that a cut swallowed are sent again. */
  #sent: number;
  #lastDueMs = 0;
  #inbox: (BusMessage | { readonly gone: string })[] = [];
  #working = false;
  #stopped = false;

  constructor(parts: FollowerParts, handler: StreamHandler) {
    this.#parts = parts;
    this.#handler = handler;
    const { broker, life } = parts;
    this.#name = `${life.name}<${broker.name}`;
    this.#generation = broker.generation;
    this.#sent = broker.end;
    this.#stopListening = broker.onAppend(() => this.#send());
    life.onDeath(() => this.#stopListening());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopListening();
  }

  /** The follower got here late: it may have missed what came before. */
  discontinuity(reason: string): void {
    this.#arrive({ gone: reason });
  }

  #send(): void {
    const { broker, network, life, loop } = this.#parts;
    if (this.#stopped || !life.isAlive) return;
    if (broker.state !== 'up' || network.isCut(broker.region, life.region)) {
      if (this.#sent < broker.end) loop.after(RETRY_MS, () => this.#send());
      return;
    }
    if (broker.generation !== this.#generation) {
      this.#generation = broker.generation;
      this.#sent = broker.first;
      this.#parts.coverage.note('stream-gone-noticed');
      this.#later(0, () => this.#arrive({ gone: 'the stream is another one' }));
    }
    if (this.#sent < broker.first) {
      this.#sent = broker.first;
      this.#parts.coverage.note('stream-overrun-noticed');
      this.#later(0, () => this.#arrive({ gone: 'overrun' }));
    }
    while (this.#sent < broker.end) {
      this.#sendOne(this.#sent);
      this.#sent += 1;
    }
  }

  #sendOne(number: number): void {
    const { broker, network, life, chance, coverage, delivery } = this.#parts;
    const message = broker.at(number)!;
    const { generation } = broker;
    const arrive = (): void => {
      if (generation !== this.#generation) return;
      if (network.isCut(broker.region, life.region)) {
        // Swallowed: it is sent again after the cut, and all after it.
        if (number < this.#sent) this.#sent = Math.max(number, broker.first);
        this.#send();
        return;
      }
      this.#arrive(message);
    };
    const lucky = network.healed;
    if (!lucky && chance.happens(`${this.#name} dropped`, delivery.dropped))
      return coverage.note('stream-message-dropped');
    const ms = network.delayMs(broker.region, life.region, this.#name) ?? RETRY_MS;
    if (!lucky && chance.happens(`${this.#name} overtakes`, delivery.overtakes)) {
      coverage.note('stream-message-overtakes');
      this.#parts.loop.after(ms, arrive);
    } else this.#later(ms, arrive);
    if (!lucky && chance.happens(`${this.#name} twice`, delivery.twice)) {
      coverage.note('stream-message-twice');
      this.#parts.loop.after(ms + chance.between(`${this.#name} again`, 0, 200), arrive);
    }
  }

  /** After all that was sent before. */
  #later(ms: number, task: () => void): void {
    const { loop } = this.#parts;
    this.#lastDueMs = Math.max(this.#lastDueMs, loop.nowMs + ms);
    loop.at(this.#lastDueMs, task);
  }

  #arrive(what: BusMessage | { readonly gone: string }): void {
    this.#parts.life.deliver(() => {
      if (this.#stopped) return;
      this.#inbox.push(what);
      if (!this.#working) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#working = true;
    while (this.#inbox.length > 0 && !this.#stopped) {
      const what = this.#inbox.shift()!;
      if ('gone' in what) this.#handler.onDiscontinuity(what.gone);
      else {
        const handled = this.#handler.onMessage(what);
        if (handled) await handled;
      }
    }
    this.#working = false;
  }
}
