import type { AnyKeyspace } from './options.ts';

/** How long a value is of use, ms. */
export interface Lifetime {
  readonly freshMs: number;
  /** Past that: while it is revalidated (the keyspace's `staleMs` of it), and when it can't be loaded. */
  readonly staleMs: number;
}

/**
 * How long a loaded value is fresh, and kept after that.
 *
 * @param chance uniform in [0, 1): shortens the TTL by that part of the keyspace's jitter
 */
export function lifetime(keyspace: AnyKeyspace, value: unknown, chance: number): Lifetime {
  const share = 1 - keyspace.ttlJitter * chance;
  if (value === null) return { freshMs: Math.ceil(keyspace.negativeTtlMs * share), staleMs: 0 };
  return {
    freshMs: Math.ceil(keyspace.ttlMs * share),
    staleMs: Math.max(keyspace.staleMs, keyspace.staleIfErrorMs),
  };
}
