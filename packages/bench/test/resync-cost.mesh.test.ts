import { expect, it } from 'vitest';
import { resyncCosts } from '../src/mesh/resync-cost.ts';

/** Rows of transactions at the edge of a snapshot come twice: here, those of the last bump. */
const EDGE_MAX = 10;

it('a resync costs what changed, whatever the size of the cache', async () => {
  const [small, large] = [await resyncCosts(1_000, [10, 900]), await resyncCosts(8_000, [10, 900, 5_000])];
  for (const costs of [small, large]) {
    for (const { changed, rows, queries, invalidations, batches } of costs) {
      expect(rows).toBeGreaterThanOrEqual(changed);
      expect(rows).toBeLessThanOrEqual(changed + EDGE_MAX);
      expect(invalidations).toBe(rows);
      expect(queries).toBeLessThanOrEqual(Math.floor(rows / 2_000) + 1);
      // The last one, with the horizon, may be empty.
      expect(batches).toBeLessThanOrEqual(Math.ceil(rows / 500) + queries + 1);
    }
  }
  const work = ({ ms: _ms, entries: _entries, ...cost }: (typeof small)[number]) => cost;
  expect(large.slice(0, 2).map(work)).toEqual(small.map(work));
});
