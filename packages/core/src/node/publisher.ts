import type { Bus } from '../ports/bus.ts';
import type { Runtime, Timer } from '../ports/runtime.ts';
import type { SpanOrigin, Telemetry } from '../ports/telemetry.ts';
import type { Invalidation } from '../protocol/event.ts';
import { encodeMessage } from '../protocol/wire.ts';
import { Carriers } from './carriers.ts';

/** What comes within this time after a message goes with the next one. */
const GATHER_MS = 2;
const BATCH_MAX = 50;
const QUEUE_MAX = 10_000;

/** Header with the sender's wall clock, ms since 1970; for lag metrics only. */
export const SENT_AT_HEADER = 'tidemark-sent-at';

/**
 * Publishes what was committed here: the fast path. A write that comes alone goes at once, others in small batches. What does not get out, for
 * whatever reason, the relay publishes from the changelog.
 */
export class Publisher {
  readonly #bus: Bus;
  readonly #runtime: Runtime;
  readonly #telemetry: Telemetry;
  #queue: Invalidation[] = [];
  #carriers = new Carriers();
  #timer: Timer | null = null;
  #flushedAtMs = Number.NEGATIVE_INFINITY;
  readonly #pending = new Set<Promise<void>>();

  constructor(bus: Bus, runtime: Runtime, telemetry: Telemetry) {
    this.#bus = bus;
    this.#runtime = runtime;
    this.#telemetry = telemetry;
  }

  publish(invalidations: readonly Invalidation[]): void {
    const room = QUEUE_MAX - this.#queue.length;
    if (invalidations.length > room)
      this.#telemetry.record({ type: 'publish', events: invalidations.length - room, ok: false });
    this.#carriers.add(this.#telemetry.inject());
    this.#queue.push(...invalidations.slice(0, room));
    const waitMs = this.#flushedAtMs + GATHER_MS - this.#runtime.monoMs();
    if (waitMs <= 0 || this.#queue.length >= BATCH_MAX) this.#flush();
    else this.#timer ??= this.#runtime.timer(waitMs, () => this.#flush());
  }

  /** Sends what is queued and waits for all acknowledgements. */
  async close(): Promise<void> {
    this.#flush();
    await Promise.all(this.#pending);
  }

  #flush(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#flushedAtMs = this.#runtime.monoMs();
    const queue = this.#queue;
    const origin = this.#carriers.origin();
    this.#queue = [];
    this.#carriers = new Carriers();
    for (let start = 0; start < queue.length; start += BATCH_MAX) {
      const sending = this.#send(queue.slice(start, start + BATCH_MAX), origin);
      this.#pending.add(sending);
      void sending.finally(() => this.#pending.delete(sending));
    }
  }

  async #send(invalidations: readonly Invalidation[], origin: SpanOrigin): Promise<void> {
    try {
      await this.#telemetry.trace(
        'tidemark.publish',
        { 'tidemark.events': invalidations.length },
        origin,
        () =>
          this.#bus.append({
            data: encodeMessage({ kind: 'bump', invalidations }),
            headers: { ...this.#telemetry.inject(), [SENT_AT_HEADER]: String(this.#runtime.wallMs()) },
          }),
      );
      this.#telemetry.record({ type: 'publish', events: invalidations.length, ok: true });
    } catch {
      this.#telemetry.record({ type: 'publish', events: invalidations.length, ok: false });
    }
  }
}
