import type { Bus } from '../ports/bus.ts';
import type { Carrier } from '../ports/telemetry.ts';
import type { Invalidation } from '../protocol/event.ts';
import { type Claim, encodeMessage, MESSAGE_EVENTS_MAX } from '../protocol/wire.ts';

/** Numbers what the applier tells its region's nodes. */
export class FeedWriter {
  readonly #bus: Bus;
  readonly life: string;
  #seq = 0;

  constructor(bus: Bus, life: string) {
    this.#bus = bus;
    this.life = life;
  }

  invalidate(invalidations: readonly Invalidation[], carrier?: Carrier): void {
    for (let start = 0; start < invalidations.length; start += MESSAGE_EVENTS_MAX) {
      this.#send(invalidations.slice(start, start + MESSAGE_EVENTS_MAX), undefined, carrier);
    }
  }

  /** Without invalidations and claim it is a heartbeat. */
  claim(claim?: Claim): void {
    this.#send([], claim);
  }

  #send(invalidations: readonly Invalidation[], claim?: Claim, carrier?: Carrier): void {
    this.#seq += 1;
    const message = { kind: 'feed', life: this.life, seq: this.#seq, invalidations } as const;
    const data = encodeMessage(claim ? { ...message, claim } : message);
    this.#bus.send('feed', carrier ? { data, headers: carrier } : { data });
  }
}
