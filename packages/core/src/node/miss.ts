import type { Params, ParamTypes } from '../keyspace/params.ts';
import type { Ticket } from './l1-cache.ts';
import type { AnyKeyspace } from './options.ts';

/** One read on its way through the tiers below L1. */
export interface Miss {
  readonly keyspace: AnyKeyspace;
  readonly params: Params<ParamTypes>;
  readonly key: string;
  /** Taken before anybody was asked. */
  readonly ticket: Ticket | null;
}
