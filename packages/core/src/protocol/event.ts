import type { Position } from './position.ts';
import type { Version } from './version.ts';

/** "For this key, anything below this version is unusable." Idempotent; order does not matter. */
export interface Invalidation {
  /** An encoded key, or a scope key for a whole keyspace. */
  readonly key: string;
  readonly version: Version;
}

/** An invalidation that brings the value with it, as it was loaded where it was written. */
export interface ShippedValue extends Invalidation {
  /** Version `n` of the keyspace's scope key when the value was loaded. */
  readonly scope: number;
  /** Horizon of a snapshot that was taken no later than the value was read. */
  readonly asOf: Position;
  readonly schema: number;
  /** The encoded value in base64, or null: the source has nothing for this key. */
  readonly data: string | null;
}

/** An asker's numbered ping, returned inside a barrier taken after the ping arrived. */
export interface Echo {
  /** Life (random id) of the process that pinged. */
  readonly life: string;
  /** Number of its latest ping that arrived before the barrier's snapshot. */
  readonly ping: number;
}

/**
 * "Everything committed from horizon `from` to horizon `to` is on this stream before me, and so is
 * everything that was committed before the snapshot, which was taken after each echoed ping arrived."
 */
export interface Barrier {
  readonly from: Position;
  readonly to: Position;
  /** Wall clock of the source at the snapshot, ms since 1970; for people only. */
  readonly atMs: number;
  readonly echoes: readonly Echo[];
}
