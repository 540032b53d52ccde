import type { Runtime } from '../ports/runtime.ts';
import { noTelemetry } from '../ports/telemetry.ts';
import type { StoreMeta } from '../protocol/record.ts';
import { type FeedBus, FeedFollower } from './feed-follower.ts';
import { FreshnessProof } from './freshness-proof.ts';

/**
 * What a node of a region could prove, without one: for those who look at a region from outside. It pings and
 * hears claims as nodes do.
 */
export class FreshnessObserver {
  readonly #proof = new FreshnessProof();
  readonly #follower: FeedFollower;
  readonly #runtime: Runtime;
  readonly #waiting = new Set<() => void>();
  #heard = false;

  constructor(
    bus: FeedBus,
    { runtime, pingIntervalMs = 250 }: { readonly runtime: Runtime; readonly pingIntervalMs?: number },
  ) {
    this.#runtime = runtime;
    this.#follower = new FeedFollower(
      bus,
      { runtime, telemetry: noTelemetry, pingIntervalMs },
      {
        onJoin: () => void (this.#heard = true),
        onLost: () => void (this.#heard = false),
        onInvalidations: () => {},
        onClaim: (claim, sentAtMs) => {
          this.#proof.accept(claim, sentAtMs);
          for (const done of this.#waiting) done();
        },
      },
    );
  }

  /** Whether the region has an applier that speaks. */
  get heard(): boolean {
    return this.#heard;
  }

  start(): Promise<void> {
    return this.#follower.start();
  }

  stop(): Promise<void> {
    return this.#follower.stop();
  }

  /** Every write acknowledged longer ago than this is proven to be applied in the region, ms; infinite when nothing is. */
  boundMs(): number {
    return this.#runtime.monoMs() - this.#proof.closedMs;
  }

  /** The same of an answer that the region's store gave with this meta. */
  boundOf(meta: StoreMeta): number {
    return this.#runtime.monoMs() - this.#proof.closedFor(meta);
  }

  /** Resolves at the next claim that answers a ping from here, or after `ms`. */
  nextClaim(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.#waiting.delete(done);
        resolve();
      };
      const timer = this.#runtime.timer(ms, done);
      this.#waiting.add(done);
    });
  }
}
