import { type KeyReads, mergePopularity, type Store } from '@tidemark/core';
import type { Origin } from './origin.ts';
import { type Copies, readCopies } from './read-copies.ts';

/** A region that has what another one lacks, however it is reached. */
export interface Peer {
  readonly name: string;
  /** Copies of what it may serve of these keys. */
  read(keys: readonly string[]): Promise<Copies>;
  /** Every key that it has, in no order, in pages. */
  keys(): AsyncIterable<readonly string[]>;
  /** What it is known to read most, most read first. */
  hotKeys(limit: number): Promise<readonly KeyReads[]>;
  /** How long a read of its store takes now, ms: its own readers wait as long. */
  readMs(): Promise<number>;
}

/**
 * A region by its store.
 *
 * @param probe the same store over a connection of its own, on which a measured read does not queue behind copies
 */
export function storePeer(name: string, store: Store, probe = store): Peer {
  return {
    name,
    read: (keys) => readCopies(store, keys),
    keys: () => store.keys(),
    hotKeys: async (limit) => (store.popularity ? mergePopularity(store.popularity.reports(), limit) : []),
    readMs: () => timed(() => probe.read([])),
  };
}

/** A peer region's store. */
export function peerOrigin(name: string, store: Store): Origin {
  return originOf(storePeer(name, store));
}

/** Copies of what a peer has. */
export function originOf(peer: Peer): Origin {
  return { kind: 'copies', name: peer.name, read: (keys) => peer.read(keys) };
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  await work();
  return performance.now() - beganMs;
}
