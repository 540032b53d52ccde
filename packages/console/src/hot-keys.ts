import type { KeyReads } from '@tidemark/core';
import type { HotKey } from './api.ts';

/** The most read keys of all regions; a key may be named by several nodes of one. */
export function hotKeysOf(byRegion: readonly (readonly KeyReads[])[], limit: number): readonly HotKey[] {
  const sums = new Map<string, number[]>();
  for (const [i, said] of byRegion.entries()) {
    for (const { key, reads } of said) {
      const sum = sums.get(key) ?? byRegion.map(() => 0);
      sum[i]! += reads;
      sums.set(key, sum);
    }
  }
  return [...sums]
    .map(([key, reads]) => ({ key, reads: reads.reduce((total, each) => total + each, 0), byRegion: reads }))
    .toSorted((a, b) => b.reads - a.reads || (a.key < b.key ? -1 : 1))
    .slice(0, limit);
}
