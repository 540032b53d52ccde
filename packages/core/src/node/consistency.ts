import { ConfigurationError } from '../ports/errors.ts';
import { type Duration, durationMs } from '../keyspace/duration.ts';

/** What a read is promised. */
export type Consistency = 'eventual' | Bounded;

/** Proven: not older than `ms`. */
export interface Bounded {
  readonly level: 'bounded';
  readonly ms: number;
  /** When the bound can't be proven from the caches: ask the source (default), or fail. */
  readonly whenUnproven: 'bypass' | 'fail';
}

/** A read that never returns a value superseded by a write acknowledged more than `bound` ago. */
export function bounded(
  bound: Duration,
  options: { readonly whenUnproven?: 'bypass' | 'fail' } = {},
): Bounded {
  const ms = durationMs(bound, 'bounded');
  if (ms === 0) throw new ConfigurationError('bounded: the bound must be above 0');
  return Object.freeze({ level: 'bounded', ms, whenUnproven: options.whenUnproven ?? 'bypass' });
}
