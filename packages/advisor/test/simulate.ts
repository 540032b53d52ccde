import type { Plan } from '../src/model/predict.ts';
import type { Workload } from '../src/workload.ts';

/** What one run of the simulation counted, after its first tenth. */
export interface Counted {
  readonly l1: number;
  readonly l2: number;
  readonly misses: number;
  /** Loads for each read. */
  readonly loads: number;
}

interface Held {
  readonly birth: number;
  readonly endsS: number;
}

/**
 * Plays caches through, event by event: LRUs, a store for each region, TTLs, invalidations. It shares nothing with the model but
 * the description of the workload. For workloads without absent and new keys.
 */
export function simulate(work: Workload, plan: Plan, reads: number, random: () => number): Counted {
  const perRegion = work.nodes / work.regions;
  const l2 = Array.from({ length: work.regions }, () => new Map<number, Held>());
  const l1 = Array.from({ length: work.nodes }, () => new Map<number, Held>());
  const readKey = zipf(work.keys, work.zipf, random);
  const writeKey = zipf(work.keys, work.writeZipf ?? work.zipf, random);
  const perKey = work.dependencies * (work.dependencyWrites ?? work.writes);
  const others = (perKey * work.keys) / (work.dependencyKeys ?? work.keys);
  const writes = plan.invalidated ? work.writes : 0;
  const ended = plan.invalidated ? others : 0;
  const all = work.reads + writes + ended;
  const counted = { l1: 0, l2: 0, misses: 0, loads: 0 };
  const warm = reads / 10;
  let births = 0;
  let nowS = 0;
  const put = (node: number, key: number, held: Held): void => {
    const cache = l1[node]!;
    cache.delete(key);
    if (plan.l1Entries === 0) return;
    if (cache.size >= plan.l1Entries) cache.delete(cache.keys().next().value!);
    cache.set(key, held);
  };
  const load = (): Held => ({ birth: (births += 1), endsS: nowS + plan.ttlS });
  const count = (what: keyof Counted, done: number): void => void (done >= warm && (counted[what] += 1));

  for (let done = 0; done < reads;) {
    nowS -= Math.log(1 - random()) / all;
    const event = random() * all;
    if (event >= work.reads) {
      const own = event < work.reads + writes;
      const key = own ? writeKey() : Math.floor(random() * work.keys);
      const holders = l1.map((cache) => cache.delete(key));
      for (const store of l2) store.delete(key);
      if (plan.onWrite === 'update' && own) {
        const held = load();
        count('loads', done);
        for (const store of l2) store.set(key, held);
      }
      if (plan.onWrite !== 'refresh') continue;
      for (const [region, store] of l2.entries()) {
        const loader = holders.findIndex((had, node) => had && Math.floor(node / perRegion) === region);
        if (loader < 0) continue;
        const held = load();
        count('loads', done);
        store.set(key, held);
        put(loader, key, held);
      }
      continue;
    }
    done += 1;
    const key = readKey();
    const node = Math.floor(random() * work.nodes);
    const mine = l1[node]!.get(key);
    if (mine && mine.endsS > nowS) {
      count('l1', done);
      put(node, key, mine);
      continue;
    }
    const store = l2[Math.floor(node / perRegion)]!;
    let held = store.get(key);
    if (held && held.endsS > nowS) {
      count('l2', done);
    } else {
      held = load();
      store.set(key, held);
      count('misses', done);
      count('loads', done);
    }
    put(node, key, held);
  }
  const total = counted.l1 + counted.l2 + counted.misses;
  return {
    l1: counted.l1 / total,
    l2: counted.l2 / total,
    misses: counted.misses / total,
    loads: counted.loads / total,
  };
}

/** Draws ranks by Zipf's law, by looking a uniform number up in the exact sums. */
function zipf(keys: number, alpha: number, random: () => number): () => number {
  const sums: number[] = [];
  let sum = 0;
  for (let rank = 1; rank <= keys; rank += 1) sums.push((sum += rank ** -alpha));
  return () => {
    const wanted = random() * sum;
    let low = 0;
    for (let high = keys - 1; low < high;) {
      const middle = (low + high) >> 1;
      if (sums[middle]! <= wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}
