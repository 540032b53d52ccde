import { expect, it } from 'vitest';
import { type CountingNode, RegionCounts } from './node-counts.ts';

function counts(node: string, reads: number, l1Hits: number, l2Hits = 0): CountingNode {
  return {
    node,
    reads,
    l1Hits,
    l2Hits,
    loads: 1,
    l1Entries: 2,
    l1Bytes: 3,
    staleServes: 0,
    fillsRefused: 0,
  };
}

it('sums nodes up, and counts from answer to answer', () => {
  const region = new RegionCounts('eu');
  region.take([counts('a', 100, 50), counts('b', 10, 5)], 1, 1_000);
  expect(region.now).toMatchObject({ region: 'eu', nodes: 2, reads: 110, l1Hits: 55, loads: 2, l1Bytes: 6 });
  expect(region.step).toEqual({ hitRate: null, readsPerS: null });
  region.take([counts('a', 120, 60, 5), counts('b', 10, 5)], 3, 3_000);
  expect(region.step).toEqual({ hitRate: 0.75, readsPerS: 10 });
});

it('takes a node that is new, or began anew, for no burst', () => {
  const region = new RegionCounts('eu');
  region.take([counts('a', 100, 50), counts('b', 900, 0)], 1, 1_000);
  region.take([counts('a', 110, 60), counts('b', 5, 5), counts('c', 5_000, 0)], 2, 2_000);
  expect(region.step).toEqual({ hitRate: 1, readsPerS: 10 });
});

it('knows nothing while nobody answers, and does not count over the hole', () => {
  const region = new RegionCounts('eu');
  region.take([counts('a', 100, 50)], 1, 1_000);
  region.take([], 2, 2_000);
  expect([region.now, region.step.hitRate]).toEqual([null, null]);
  region.take([counts('a', 500, 50)], 3, 3_000);
  expect(region.step).toEqual({ hitRate: null, readsPerS: null });
});

it('of a quiet region the hit rate is unknown, not zero', () => {
  const region = new RegionCounts('eu');
  region.take([counts('a', 100, 50)], 1, 1_000);
  region.take([counts('a', 100, 50)], 2, 2_000);
  expect(region.step).toEqual({ hitRate: null, readsPerS: 0 });
});
