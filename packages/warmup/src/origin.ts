import type { SourceOfTruth } from '@tidemark/core';
import type { Copies } from './read-copies.ts';

/** What an origin did by itself with the keys of one batch. */
export interface Loaded {
  readonly filled: number;
  /** That had a fresh value already. */
  readonly there: number;
  /** Keys that it could do nothing for. */
  readonly rest: readonly string[];
}

/** Where values come from. Rejects while it is away: then the next origin is asked. */
export type Origin =
  | { readonly kind: 'copies'; readonly name: string; read(keys: readonly string[]): Promise<Copies> }
  | {
      readonly kind: 'loads';
      readonly name: string;
      /** @param share of its rate at which it may go now, 0 to 1 */
      load(keys: readonly string[], signal: AbortSignal, share: () => number): Promise<Loaded>;
    };

/** Says whether old copies are still right. */
export type Prover = Pick<SourceOfTruth, 'labels'>;
