import { mergePopularity, type NodeReads, type Store } from '@tidemark/core';
import { describe, expect, it } from 'vitest';
import type { StoreHarness } from './store-harness.ts';

async function all(store: Store): Promise<NodeReads[]> {
  const found: NodeReads[] = [];
  for await (const each of store.popularity!.reports()) found.push(each);
  return found;
}

/** What a store keeps of the reads of its region's nodes. */
export function storePopularity(harness: () => StoreHarness): void {
  describe('popularity', () => {
    const store = (): Store => harness().store;

    it('is the sum of what the nodes said last: late, repeated and lost reports change little', async () => {
      const { popularity } = store();
      await popularity!.report('node-1', [{ key: 'city:1', reads: 100 }]);
      await popularity!.report('node-1', [
        { key: 'city:1', reads: 5 },
        { key: 'city:ü%3A2', reads: 4 },
      ]);
      await popularity!.report('node-2', [{ key: 'city:ü%3A2', reads: 3 }]);
      await popularity!.report('node-2', [{ key: 'city:ü%3A2', reads: 3 }]);
      expect(await mergePopularity(popularity!.reports(), 10)).toEqual([
        { key: 'city:ü%3A2', reads: 7 },
        { key: 'city:1', reads: 5 },
      ]);
      expect(await mergePopularity(popularity!.reports(), 1)).toHaveLength(1);
    });

    it('has no node twice, and says how old each report is', async () => {
      const { popularity } = harness().another ?? store();
      for (const node of ['a', 'b', 'a']) await popularity!.report(node, [{ key: 'city:1', reads: 2 }]);
      const reports = await all(store());
      expect(reports).toHaveLength(2);
      for (const { ageMs } of reports) {
        expect(ageMs).toBeGreaterThanOrEqual(0);
        expect(ageMs).toBeLessThan(60_000);
      }
    });

    it('takes reports of many pages whole, and of none as no news', async () => {
      const keys = Array.from({ length: 2_500 }, (_, i) => ({ key: `city:${i}`, reads: 3_000 - i }));
      await store().popularity!.report('large', keys);
      expect(await mergePopularity(store().popularity!.reports(), 3_000)).toEqual(keys);
      await store().popularity!.report('large', []);
      expect(await mergePopularity(store().popularity!.reports(), 10)).toEqual([]);
    });

    it('is gone with the store, and back with the next reports', async () => {
      await store().popularity!.report('a', [{ key: 'city:1', reads: 2 }]);
      await harness().clear();
      expect(await all(store())).toEqual([]);
      await store().popularity!.report('a', [{ key: 'city:1', reads: 2 }]);
      expect(await all(store())).toHaveLength(1);
    });
  });
}
