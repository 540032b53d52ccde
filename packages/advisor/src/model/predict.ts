import type { Workload } from '../workload.ts';
import { type KeyFlow, keyFlow, type OnWrite } from './key-flow.ts';
import { heldChance, l1KeepS } from './l1-keep.ts';
import { zipfClasses } from './popularity.ts';

/** How keys are cached. */
export interface Plan {
  /** Of values, s; infinite for none. */
  readonly ttlS: number;
  /** Of absence, s. */
  readonly negativeTtlS: number;
  readonly onWrite: OnWrite;
  /** False: nothing but TTLs ends a value. */
  readonly invalidated: boolean;
  /** Entries of each node's L1; 0 for none. */
  readonly l1Entries: number;
}

/** What the model expects once caches are warm; rates per second over all regions. */
export interface Prediction {
  readonly reads: number;
  /** Shares of reads by who answers; they sum to 1. */
  readonly l1: number;
  readonly l2: number;
  readonly misses: number;
  /** Queries of the source: for readers, for writes that ship their value, and for refreshes. */
  readonly loads: number;
  /** Times that a write makes a value stale, counted once for all regions. */
  readonly invalidations: number;
  /** Values that a region's store has at a time. */
  readonly entries: number;
}

/** Encoded bytes of a value that may ride along with its invalidation. */
const SHIPPED_BYTES_MAX = 16_384;

/** Keys of one class in one region: per key and second. */
interface RegionKeys {
  readonly keys: number;
  readonly reads: number;
  readonly writes: number;
  readonly invalidations: number;
  readonly ttlS: number;
}

/** Whether `onWrite: 'update'` brings the value to every region with its invalidation. */
export function isShippable({ dependencies, valueBytes }: Workload): boolean {
  return dependencies === 0 && valueBytes <= SHIPPED_BYTES_MAX;
}

export function predict(work: Workload, plan: Plan): Prediction {
  const { regions } = work;
  const nodes = work.nodes / regions;
  const classes = regionKeys(work, plan);
  const shippedTo = isShippable(work) ? 1 : 1 / regions;
  const refreshed = plan.onWrite === 'refresh' && plan.l1Entries > 0;
  const flowOf = ({ reads, writes, invalidations, ttlS }: RegionKeys, keepS: number): KeyFlow => {
    const shipped = plan.onWrite === 'update' ? writes * shippedTo : 0;
    return keyFlow({ reads, invalidations, shipped, refreshed, ttlS, nodes, keepS });
  };
  const held = (keepS: number): number =>
    classes.reduce((sum, each) => {
      const reloads = refreshed ? flowOf(each, keepS).refreshes / nodes : 0;
      return sum + each.keys * heldChance(each.reads / nodes, reloads, each.invalidations, keepS);
    }, 0);
  const keepS = l1KeepS(held, plan.l1Entries);
  const sum = { l1: 0, misses: 0, refreshes: 0, updates: 0, alive: 0, invalidations: 0 };
  for (const each of classes) {
    const { keys, writes, invalidations } = each;
    const flow = flowOf(each, keepS);
    sum.l1 += keys * flow.l1;
    sum.misses += keys * flow.misses;
    sum.refreshes += keys * flow.refreshes;
    sum.alive += keys * flow.alive;
    sum.updates += plan.onWrite === 'update' ? keys * writes : 0;
    sum.invalidations += keys * invalidations;
  }
  const never = work.reads * work.newKeys; // Read for the first time: no cache has it.
  const misses = sum.misses * regions + never;
  const share = (rate: number): number => (work.reads === 0 ? 0 : rate / work.reads);
  const l1 = share(sum.l1 * regions);
  return {
    reads: work.reads,
    l1,
    l2: work.reads === 0 ? 0 : Math.max(0, 1 - l1 - share(misses)),
    misses: share(misses),
    loads: misses + sum.updates + sum.refreshes * regions,
    invalidations: sum.invalidations,
    entries: sum.alive,
  };
}

/** Those that exist, and those that don't, by popularity. */
function regionKeys(work: Workload, plan: Plan): RegionKeys[] {
  const { absent, newKeys, regions } = work;
  const there = 1 - absent - newKeys;
  const known = population(work, work.keys).map(({ keys, read, written }) => {
    const writes = plan.invalidated ? work.writes * written : 0;
    const invalidations = plan.invalidated ? writes + dependencyRate(work) : 0;
    return { keys, reads: (work.reads * there * read) / regions, writes, invalidations, ttlS: plan.ttlS };
  });
  if (absent === 0) return known;
  // As many for each read as there are of the others; nobody writes what is not there.
  const missing = Math.max(1, Math.round((work.keys * absent) / Math.max(there, absent)));
  return [
    ...known,
    ...population(work, missing).map(({ keys, read }) => ({
      keys,
      reads: (work.reads * absent * read) / regions,
      writes: 0,
      invalidations: 0,
      ttlS: plan.negativeTtlS,
    })),
  ];
}

/** Each class's keys, and the share of all reads and of all writes that goes to one of them. */
function population(
  { zipf, writeZipf = zipf }: Workload,
  keys: number,
): { readonly keys: number; readonly read: number; readonly written: number }[] {
  const written = zipfClasses(keys, writeZipf);
  return zipfClasses(keys, zipf).map((each, i) => ({
    keys: each.keys,
    read: each.share,
    written: written[i]!.share,
  }));
}

/**
 * How often what a value is made from is written: `dependencies` keys out of `dependencyKeys`, to which
 * `dependencyWrites` are spread evenly. Left out, each is written as often as an average key.
 */
export function dependencyRate({ dependencies, writes, keys, ...work }: Workload): number {
  return (dependencies * (work.dependencyWrites ?? writes)) / (work.dependencyKeys ?? keys);
}
