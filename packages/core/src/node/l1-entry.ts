import type { Label } from '../protocol/dependency.ts';
import type { Version } from '../protocol/version.ts';
import type { AnyKeyspace } from './options.ts';

/**
 * A decoded, frozen value in this process. Times are on the node's monotonic clock, in whole ms: V8 keeps small
 * integers in the entry itself, and a hit reads one memory cell less.
 */
export interface L1Entry {
  /** Undefined once it is retired. */
  value: unknown;
  /** False once L1 dropped it, or put another one in its place. */
  live: boolean;
  /** Hits that the LRU was not told of. */
  hits: number;
  /** Null when the source gives no versions. */
  readonly version: Version | null;
  /** Version `n` of the keyspace's scope key that the value was loaded under. */
  readonly scope: number;
  /** From here on a read may have to have it reloaded; none of the later times has come before. */
  readonly refreshFromMs: number;
  readonly freshUntilMs: number;
  /** Until then it is served while it is reloaded. */
  readonly staleUntilMs: number;
  /** Until then it is served when it can't be loaded. */
  readonly endsAtMs: number;
  /** When L1 took it. */
  readonly takenAtMs: number;
  /** When it was loaded here from the primary; else null. */
  readonly loadedAtMs: number | null;
  readonly dependencies: readonly Label[];
}

/** L1 has it no more: whoever found it before finds nothing now, and its value is free. */
export function retire(entry: L1Entry): void {
  entry.live = false;
  entry.value = undefined;
}

/** Whether it is past what a read may be served with while it is reloaded. */
export function isOver(entry: L1Entry, nowMs: number): boolean {
  // Before the first time none of the others has come.
  return nowMs >= entry.refreshFromMs && nowMs >= entry.staleUntilMs;
}

/** What an entry is made from. */
export interface L1Value {
  readonly value: unknown;
  readonly version: Version | null;
  readonly scope: number;
  readonly nowMs: number;
  readonly freshUntilMs: number;
  /** How long it is kept after that, ms. */
  readonly staleMs: number;
  /** -Infinity: nothing is proven by it. */
  readonly loadedAtMs: number;
  readonly dependencies: readonly Label[];
}

const NO_DEPENDENCIES: readonly Label[] = Object.freeze([]);

/** Made in one place only: then all entries have one shape, and a hit needs no look-up of where a field is. */
export function l1Entry(keyspace: AnyKeyspace, loadMs: number, from: L1Value): L1Entry {
  const { value, version, scope, staleMs, loadedAtMs, dependencies } = from;
  const freshUntilMs = Math.floor(from.freshUntilMs);
  return {
    value,
    live: true,
    hits: 0,
    version,
    scope,
    refreshFromMs: freshUntilMs - Math.ceil(keyspace.early.windowMs(loadMs)),
    freshUntilMs,
    staleUntilMs: freshUntilMs + Math.floor(Math.min(staleMs, keyspace.staleMs)),
    endsAtMs: freshUntilMs + Math.floor(staleMs),
    takenAtMs: Math.floor(from.nowMs),
    loadedAtMs: loadedAtMs === Number.NEGATIVE_INFINITY ? null : Math.floor(loadedAtMs),
    dependencies: dependencies.length === 0 ? NO_DEPENDENCIES : dependencies,
  };
}
