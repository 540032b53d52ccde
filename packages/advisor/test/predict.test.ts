import { describe, expect, it } from 'vitest';
import { l1KeepS, heldChance } from '../src/model/l1-keep.ts';
import { type Plan, predict } from '../src/model/predict.ts';
import { workload } from '../src/workload.ts';

const PLAN: Plan = { ttlS: 60, negativeTtlS: 10, onWrite: 'invalidate', invalidated: true, l1Entries: 100 };

describe('where a formula is known', () => {
  it('one key under a TTL: one miss, and its reads until the end', () => {
    const work = workload({ reads: 10, writes: 0, keys: 1 });
    expect(predict(work, PLAN).misses).toBeCloseTo(1 / (1 + 10 * 60), 12);
  });

  it('one key, invalidations and no TTL: every invalidation that a read follows', () => {
    const work = workload({ reads: 10, writes: 2, keys: 1 });
    expect(predict(work, { ...PLAN, ttlS: Number.POSITIVE_INFINITY }).misses).toBeCloseTo(2 / (10 + 2), 12);
  });

  it('regions miss each for itself', () => {
    const work = workload({ reads: 10, writes: 2, keys: 1, regions: 5 });
    expect(predict(work, { ...PLAN, ttlS: Number.POSITIVE_INFINITY }).loads).toBeCloseTo(
      (5 * 2 * 2) / (2 + 2),
      9,
    );
  });

  it('an update that is shipped leaves a miss only behind a TTL that no write renews', () => {
    const work = workload({ reads: 10, writes: 2, keys: 1, regions: 3, nodes: 3 });
    const { misses, loads } = predict(work, { ...PLAN, onWrite: 'update' });
    expect(misses).toBeLessThan(1e-9);
    expect(loads).toBeCloseTo(2, 9);
  });

  it('an update that can not be shipped spares the one region that wrote', () => {
    const forever = { ...PLAN, ttlS: Number.POSITIVE_INFINITY };
    const small = workload({ reads: 9, writes: 3, keys: 1, regions: 3 });
    const large = { ...small, valueBytes: 20_000 };
    expect(predict(small, { ...forever, onWrite: 'update' }).misses).toBeCloseTo(0, 9);
    // Each region has 3 reads and 3 invalidations a second, a third of which bring the value.
    expect(predict(large, { ...forever, onWrite: 'update' }).misses).toBeCloseTo((1 - 1 / 3) / 2, 9);
  });

  it('an LRU without invalidations, uniform: as much as there is room for', () => {
    const work = workload({ reads: 1_000, writes: 0, keys: 1_000, zipf: 0 });
    expect(predict(work, { ...PLAN, ttlS: Number.POSITIVE_INFINITY, l1Entries: 250 }).l1).toBeCloseTo(
      0.25,
      6,
    );
  });
});

describe('at the edges', () => {
  it('nobody reads', () => {
    const work = workload({ reads: 0, writes: 10, keys: 10 });
    expect(predict(work, PLAN)).toMatchObject({ l1: 0, l2: 0, misses: 0, loads: 0 });
    expect(predict(work, { ...PLAN, onWrite: 'update' })).toMatchObject({ misses: 0, loads: 10 });
  });

  it('nothing ends a value: no miss once it is warm', () => {
    const work = workload({ reads: 10, writes: 0, keys: 1e9 });
    expect(predict(work, { ...PLAN, ttlS: Number.POSITIVE_INFINITY }).misses).toBe(0);
  });

  it('an L1 that has room for all, and one that has none', () => {
    expect(l1KeepS((keepS) => 10 * heldChance(1, 0, 0, keepS), 10)).toBe(Number.POSITIVE_INFINITY);
    expect(l1KeepS(() => 5, 0)).toBe(0);
  });

  it('keys that were never read are misses whatever is kept', () => {
    const work = workload({ reads: 100, writes: 0, keys: 1, newKeys: 0.25 });
    expect(predict(work, { ...PLAN, ttlS: Number.POSITIVE_INFINITY }).misses).toBeCloseTo(0.25, 9);
  });

  it('what does not exist lives by the negative TTL', () => {
    const work = workload({ reads: 1_000, writes: 0, keys: 10, absent: 0.5 });
    const short = predict(work, { ...PLAN, ttlS: 1e6, negativeTtlS: 0.001 }).misses;
    const long = predict(work, { ...PLAN, ttlS: 1e6, negativeTtlS: 1e6 }).misses;
    expect([short > 0.4, long < 0.001]).toEqual([true, true]);
  });

  it('dependencies add their writes: all of a rare few, or a share of many', () => {
    const base = { reads: 100, writes: 10, keys: 100, dependencies: 2 } as const;
    expect(predict(workload(base), PLAN).invalidations).toBeCloseTo(10 + 2 * 10, 9);
    const layout = workload({ ...base, dependencies: 1, dependencyKeys: 1, dependencyWrites: 0.5 });
    expect(predict(layout, PLAN).invalidations).toBeCloseTo(10 + 0.5 * 100, 9);
  });
});
