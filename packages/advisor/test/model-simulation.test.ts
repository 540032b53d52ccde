import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { describe, expect, it } from 'vitest';
import { type Plan, predict } from '../src/model/predict.ts';
import { workload, type WorkloadInput } from '../src/workload.ts';
import { simulate } from './simulate.ts';

const READS = 300_000;
/** Share of reads by which model and simulation may differ: most of it is the simulation's own chance. */
const ERROR_MAX = 0.005;

const PLAN: Plan = { ttlS: 60, negativeTtlS: 10, onWrite: 'invalidate', invalidated: true, l1Entries: 1_000 };
const CASES: readonly [string, Partial<WorkloadInput>, Partial<Plan>][] = [
  ['one node, all fits', {}, {}],
  ['no L1', {}, { l1Entries: 0 }],
  ['an L1 of a tenth of the keys', {}, { l1Entries: 100 }],
  ['a small L1, and one key in two is invalidated before its TTL', { writes: 200 }, { l1Entries: 50 }],
  ['no writes', { writes: 0 }, {}],
  ['TTL only', { writes: 200 }, { invalidated: false, ttlS: 3 }],
  ['no TTL', { writes: 50 }, { ttlS: Number.POSITIVE_INFINITY }],
  ['more writes than reads', { writes: 3_000 }, {}],
  ['uniform', { zipf: 0 }, { l1Entries: 300 }],
  ['steep', { zipf: 1.6 }, { l1Entries: 30 }],
  ['one key', { keys: 1, writes: 100 }, {}],
  ['six nodes in three regions', { nodes: 6, regions: 3, writes: 60 }, { l1Entries: 200 }],
  ['writes of keys that are not the hot ones', { writeZipf: 0, writes: 100, nodes: 4, regions: 2 }, {}],
  ['made from three others', { dependencies: 3, writes: 30, nodes: 2 }, {}],
  ['made from one of ten', { dependencies: 1, dependencyKeys: 10, dependencyWrites: 3 }, {}],
  ['updates to three regions', { nodes: 6, regions: 3, writes: 100 }, { onWrite: 'update', ttlS: 5 }],
  ['updates that are seldom', { writes: 10 }, { onWrite: 'update', ttlS: 1 }],
  ['refreshes by small L1s', { nodes: 4, regions: 2, writes: 100 }, { onWrite: 'refresh', l1Entries: 50 }],
  [
    'refreshes with a short TTL',
    { nodes: 2, regions: 2, writes: 300 },
    { onWrite: 'refresh', ttlS: 2, l1Entries: 200 },
  ],
  ['refreshes', { nodes: 4, regions: 2, writes: 100 }, { onWrite: 'refresh' }],
];

/** Uniform in [0, 1). */
function randomOf(seed: number): () => number {
  const generator = xoroshiro128plus(seed);
  return () => (generator.next() >>> 0) / 2 ** 32;
}

describe(`the model agrees with a simulation within ${ERROR_MAX * 100} points`, () => {
  it.each(CASES)('%s', (_name, input, plan) => {
    const work = workload({ reads: 1_000, writes: 20, keys: 1_000, ...input });
    const all = { ...PLAN, ...plan };
    const { l1, l2, misses, loads } = predict(work, all);
    const counted = simulate(work, all, READS, randomOf(20_261_130));
    const differences = {
      l1: l1 - counted.l1,
      l2: l2 - counted.l2,
      misses: misses - counted.misses,
      loads: loads / work.reads - counted.loads,
    };
    for (const [what, difference] of Object.entries(differences))
      expect(Math.abs(difference), `${what}: ${JSON.stringify({ l1, l2, misses, counted })}`).toBeLessThan(
        ERROR_MAX,
      );
  });
});
