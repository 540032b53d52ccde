import { describe, expect, it } from 'vitest';
import { ReadSampler } from './read-sampler.ts';

/** Counts of `keys` that are read in turn, `turns` times each. */
function counted(sampler: ReadSampler, keys: number, turns: number): number[] {
  const counts = Array.from({ length: keys }, () => 0);
  for (let turn = 0; turn < turns; turn += 1) {
    for (let key = 0; key < keys; key += 1) counts[key]! += sampler.next();
  }
  return counts;
}

describe('sampled reads', () => {
  it('count one by one at first, and again after a restart', () => {
    const sampler = new ReadSampler();
    expect(counted(sampler, 10, 10_000)).toEqual(Array.from({ length: 10 }, () => 10_000));
    expect(new Set(counted(sampler, 1, 100))).not.toEqual(new Set([100]));
    sampler.restart();
    expect(counted(sampler, 10, 10)).toEqual(Array.from({ length: 10 }, () => 10));
  });

  it.each([1, 2, 7, 8, 16, 100])('are right on average for %i keys that are read in turn', (keys) => {
    const sampler = new ReadSampler();
    counted(sampler, 1, 100_000);
    const turns = 40_000;
    for (const count of counted(sampler, keys, turns)) {
      expect(count / turns).toBeGreaterThan(0.9);
      expect(count / turns).toBeLessThan(1.1);
    }
  });
});
