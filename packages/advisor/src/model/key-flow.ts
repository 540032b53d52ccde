import { meanLife } from './lifetime.ts';

/** What a write leaves behind, as a keyspace's `onWrite` says. */
export type OnWrite = 'invalidate' | 'update' | 'refresh';

/** One key as one region sees it. Rates are per second; both reads and writes are Poisson. */
export interface KeyTraffic {
  /** Reads in the region, over all of its nodes. */
  readonly reads: number;
  /** What invalidates the key: its own writes, and those of what it is made from. */
  readonly invalidations: number;
  /** Of these, the ones after which the region gets the new value without a read. */
  readonly shipped: number;
  /** Whether a node reloads what it loses. */
  readonly refreshed: boolean;
  /** For how long a load is of use unless it is invalidated, s. */
  readonly ttlS: number;
  /** Nodes in the region; reads are spread evenly. */
  readonly nodes: number;
  /** How long L1 keeps what nobody reads, s (see `l1KeepS`); 0 without an L1. */
  readonly keepS: number;
}

/** What becomes of a key's reads in one region, per second. */
export interface KeyFlow {
  readonly l1: number;
  readonly l2: number;
  /** Reads that wait for a load. */
  readonly misses: number;
  /** Loads that no reader waits for. */
  readonly refreshes: number;
  /** Share of the time in which the region has a value, 0 to 1. */
  readonly alive: number;
}

/**
 * The flow of one key. A value lives from its birth (a load, or a shipped value) to its TTL or the next invalidation:
 * min(T, X) with X exponential, of mean A. All nodes of the region share birth and end, since an L1 copy ends with the
 * value that it was copied from. By renewal-reward the region's misses are r (1 - bA) / (1 + rA) for reads r and shipped
 * values b: for b = 0 the formula of TTL caches without renewal (Jung, Berger, Balakrishnan, "Modeling TTL-based Internet
 * caches", INFOCOM 2003; Choungmo Fofack, Nain, Neglia, Towsley, "Performance evaluation of hierarchical TTL-based cache
 * networks", Computer Networks 65, 2014) with a TTL of min(T, X). docs/reference/advisor.md derives all of it.
 */
export function keyFlow(traffic: KeyTraffic): KeyFlow {
  const { reads, invalidations, shipped, refreshed, ttlS, nodes } = traffic;
  if (reads === 0 && shipped === 0) return { l1: 0, l2: 0, misses: 0, refreshes: 0, alive: 0 };
  const life = meanLife(invalidations, ttlS);
  if (life === Number.POSITIVE_INFINITY) {
    const l1 = reads * (1 - decay(reads / nodes, traffic.keepS));
    return { l1, l2: reads - l1, misses: 0, refreshes: 0, alive: 1 };
  }
  const { misses, refreshes } = refreshed
    ? withRefreshes(traffic, life)
    : { misses: (reads * Math.max(0, 1 - shipped * life)) / (1 + reads * life), refreshes: 0 };
  const { loader, other } = l1HitsOfALife(traffic, life);
  const loads = misses + refreshes;
  const l1 = Math.min(reads - misses, loads * (loader + (nodes - 1) * other) + shipped * nodes * other);
  return { l1, l2: reads - misses - l1, misses, refreshes, alive: Math.min(1, (loads + shipped) * life) };
}

/**
 * A life that an invalidation ends begins anew with a reload, if any node's L1 had the value: it was loaded, or read by
 * anybody, within `keepS`. One that ends otherwise waits for a read.
 */
function withRefreshes(
  { reads, invalidations, ttlS, keepS }: KeyTraffic,
  life: number,
): { readonly misses: number; readonly refreshes: number } {
  const reaches = (ageS: number): number => decay(invalidations, ageS);
  const beyondKeep = reaches(Math.min(ttlS, keepS));
  const forgotten = decay(reads, keepS) * (beyondKeep - reaches(ttlS));
  const ends = reaches(ttlS) + forgotten;
  const births = reads / (ends + reads * life);
  return { misses: births * ends, refreshes: births * (1 - ends) };
}

/** The chance that a Poisson process does nothing for so long; e^(-rate s), also where one of them is infinite and the other 0. */
function decay(rate: number, seconds: number): number {
  return rate === 0 ? 1 : Math.exp(-rate * seconds);
}

/**
 * Hits of one node's L1 in one life of a value: reads that come within `keepS` of the node's one before, or for the
 * `loader` of its load. The integrals over the life, of the rate of reads times the chance of such a one, have closed forms.
 */
function l1HitsOfALife(
  { reads, nodes, invalidations, ttlS, keepS }: KeyTraffic,
  life: number,
): { readonly loader: number; readonly other: number } {
  const rate = reads / nodes;
  const early = Math.min(ttlS, keepS);
  const late = decay(rate, keepS) * (life - meanLife(invalidations, early));
  return {
    loader: rate * Math.max(0, life - late),
    other: rate * Math.max(0, life - late - meanLife(invalidations + rate, early)),
  };
}
