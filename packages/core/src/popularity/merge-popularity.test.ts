import { expect, it } from 'vitest';
import { mergePopularity, READS_HALF_LIFE_MS } from './merge-popularity.ts';

it('adds up what nodes read; a report that nobody renews fades, until nothing is left of it', async () => {
  const reports = [
    { ageMs: 0, keys: [{ key: 'a', reads: 10 }] },
    {
      ageMs: 2 * READS_HALF_LIFE_MS,
      keys: [
        { key: 'a', reads: 8 },
        { key: 'b', reads: 100 },
        { key: 'c', reads: 1 },
      ],
    },
  ];
  expect(await mergePopularity(reports, 10)).toEqual([
    { key: 'b', reads: 25 },
    { key: 'a', reads: 12 },
  ]);
});
