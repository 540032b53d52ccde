import type { MissReason, Served, Tier } from '../ports/telemetry.ts';
import type { Label } from '../protocol/dependency.ts';
import type { Moved } from './loader.ts';
import type { Version } from '../protocol/version.ts';

/** A value and where it came from. */
export interface ReadResult<V> {
  /** Frozen; null when the source has nothing for this key. */
  readonly value: V | null;
  readonly tier: Tier;
  /** Null when the source gives no versions. */
  readonly version: Version | null;
  /** The value is proven to be at most this old, ms; Infinity when nothing is proven. */
  readonly stalenessBoundMs: number;
  /**
   * `fresh`; `stale`: past its TTL and being reloaded; `stale-if-error`: past its TTL, and could not be loaded
   * (in time); with a tier above the source, `unproven`: served
   * without the bound that was asked; else why no cache could answer.
   */
  readonly why: MissReason | Served;
}

/** A result with what a session compares: inside the engine only. */
export interface ServedResult extends ReadResult<unknown> {
  /** Version `n` of the keyspace's scope key that the value was loaded under. */
  readonly scope: number;
  /** End of its TTL, on the node's monotonic clock. */
  readonly freshUntilMs: number;
  /** Whether this read is the one that should have it reloaded. */
  readonly due: boolean;
  readonly dependencies: readonly Label[];
  /** The value may be as new as these labels say; left out when it is exactly of its own. */
  readonly moved?: Moved;
}
