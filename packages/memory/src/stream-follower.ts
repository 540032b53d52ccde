import type { RegionId, StreamHandler, Subscription, Timer } from '@tidemark/core';
import type { MeshLinks } from './memory-mesh.ts';
import type { MemoryStream } from './memory-stream.ts';

/** Carries one region's stream to one follower: in order, each message after the link's delay. */
export class StreamFollower implements Subscription {
  readonly #links: MeshLinks;
  readonly #from: RegionId;
  readonly #to: RegionId;
  readonly #handler: StreamHandler;
  readonly #stream: MemoryStream;
  readonly #stopListening: readonly (() => void)[];
  /** Messages up to here have a timer. */
  #scheduled: number;
  #next: number;
  /** Messages up to here have arrived. */
  #arrived: number;
  #lastDueMs = 0;
  #working = false;
  #stopped = false;
  readonly #timers = new Set<Timer>();
  #done: Promise<void> = Promise.resolve();

  constructor(links: MeshLinks, from: RegionId, to: RegionId, handler: StreamHandler) {
    this.#links = links;
    this.#from = from;
    this.#to = to;
    this.#handler = handler;
    this.#stream = links.stream(from);
    this.#next = this.#stream.end;
    this.#scheduled = this.#next;
    this.#arrived = this.#next;
    this.#stopListening = [
      this.#stream.onAppend(() => this.#schedule()),
      links.onHeal(() => this.#schedule()),
    ];
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const stop of this.#stopListening) stop();
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    await this.#done;
  }

  /** Sends everything that is on the stream on its way; during a cut it stays where it is. */
  #schedule(): void {
    const delayMs = this.#links.delayMs(this.#from, this.#to);
    if (this.#stopped || delayMs === null || this.#scheduled >= this.#stream.end) return;
    const { runtime } = this.#links;
    const until = this.#stream.end;
    this.#scheduled = until;
    const nowMs = runtime.monoMs();
    this.#lastDueMs = Math.max(this.#lastDueMs, nowMs + delayMs);
    const timer = runtime.timer(this.#lastDueMs - nowMs, () => {
      this.#timers.delete(timer);
      if (this.#links.delayMs(this.#from, this.#to) === null) {
        // Cut while under way: it is sent again after the heal.
        this.#scheduled = Math.min(this.#scheduled, Math.max(this.#arrived, this.#next));
        return;
      }
      this.#arrived = Math.max(this.#arrived, until);
      this.#work();
    });
    this.#timers.add(timer);
  }

  #work(): void {
    if (this.#working || this.#stopped) return;
    this.#working = true;
    this.#done = this.#deliver().finally(() => {
      this.#working = false;
      if (this.#next < this.#arrived) this.#work();
    });
  }

  async #deliver(): Promise<void> {
    while (!this.#stopped && this.#next < this.#arrived) {
      const message = this.#stream.at(this.#next);
      if (message === null) return;
      if (message === 'gone') {
        this.#next = this.#stream.first;
        this.#handler.onDiscontinuity('overrun: the stream dropped messages before they were read');
        continue;
      }
      this.#next += 1;
      try {
        const handled = this.#handler.onMessage(message);
        if (handled) await handled;
      } catch (error) {
        this.#handler.onDiscontinuity(`a message was not handled: ${String(error)}`);
      }
    }
  }
}
