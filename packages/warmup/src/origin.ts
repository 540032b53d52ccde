import type { SourceOfTruth, Store } from '@tidemark/core';
import { type Copies, readCopies } from './read-copies.ts';

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
      load(keys: readonly string[], signal: AbortSignal): Promise<Loaded>;
    };

/** A peer region's store. */
export function peerOrigin(name: string, store: Store): Origin {
  return { kind: 'copies', name, read: (keys) => readCopies(store, keys) };
}

/** Says whether old copies are still right. */
export type Prover = Pick<SourceOfTruth, 'labels'>;
