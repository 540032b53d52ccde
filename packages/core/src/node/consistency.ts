import { ConfigurationError, StalenessUnprovenError } from '../ports/errors.ts';
import { type Duration, durationMs } from '../keyspace/duration.ts';
import type { Session } from '../session/session.ts';

/**
 * What a read is promised. `eventual`: what the region has. `bounded(ms)`: proven to be no older.
 * A `Session`: nothing older than it wrote or saw. `latest`: what the primary has at the read.
 */
export type Consistency = 'eventual' | 'latest' | Bounded | Session;

/**
 * When the bound can't be proven from the caches: ask the source (`bypass`, the default), fail with
 * `E_STALENESS_UNPROVEN`, or `serve` what there is: `read` then says `unproven`, and how old it may be.
 */
export type WhenUnproven = 'bypass' | 'fail' | 'serve';

/** Proven: not older than `ms`. */
export interface Bounded {
  readonly level: 'bounded';
  readonly ms: number;
  readonly whenUnproven: WhenUnproven;
}

/** A read that never returns a value superseded by a write acknowledged more than `bound` ago. */
export function bounded(bound: Duration, options: { readonly whenUnproven?: WhenUnproven } = {}): Bounded {
  const ms = durationMs(bound, 'bounded');
  if (ms === 0) throw new ConfigurationError('bounded: the bound must be above 0');
  const whenUnproven = options.whenUnproven ?? 'bypass';
  if (!['bypass', 'fail', 'serve'].includes(whenUnproven)) {
    throw new ConfigurationError(`bounded, whenUnproven: use 'bypass', 'fail' or 'serve'`);
  }
  return Object.freeze({ level: 'bounded', ms, whenUnproven });
}

/** Consistency that caches can keep by themselves. */
export type CacheConsistency = 'eventual' | Bounded;

/** True for what needs a version to compare with: a session's, or the primary's. */
export function needsVersion(consistency: Consistency): consistency is 'latest' | Session {
  return consistency === 'latest' || (typeof consistency === 'object' && consistency.level === 'session');
}

/** Whether a value that is proven to be at most `boundMs` old may be served. */
export function allows(consistency: CacheConsistency, boundMs: number): boolean {
  return consistency === 'eventual' || boundMs <= consistency.ms || consistency.whenUnproven === 'serve';
}

/** Whether the read must be told that its bound is not kept. */
export function isUnproven(consistency: Consistency, boundMs: number): boolean {
  return typeof consistency === 'object' && consistency.level === 'bounded' && boundMs > consistency.ms;
}

/** @throws StalenessUnprovenError when the read would rather fail than ask the source */
export function assertMayBypass(key: string, consistency: CacheConsistency, provenMs: number): void {
  if (consistency === 'eventual' || consistency.whenUnproven !== 'fail') return;
  throw new StalenessUnprovenError(key, consistency.ms, provenMs);
}
