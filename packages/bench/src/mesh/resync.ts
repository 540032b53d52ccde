import type { Sample, Scenario } from '../scenario.ts';
import { resyncCosts } from './resync-cost.ts';

const ENTRIES = 200_000;
const CHANGED = [10, 1_000, 100_000];

const subjectOf = (changed: number): string => `${changed.toLocaleString('en')} keys changed`;

/** What a region that was away pays for each key that changed meanwhile. */
export const resync: Scenario = {
  name: 'resync',
  title: 'Resync of a region that was away',
  how: 'Keys change in Postgres while a region, with 200,000 entries in Redis, has no applier; then one comes. Measured is its first resync, from the first query of the changelog to the horizon in Redis, for each changed key; and how many rows of the changelog it read for each.',
  floor: null,
  metrics: [
    { name: 'per key', unit: 'µs', better: 'lower' },
    { name: 'rows per key', unit: 'count', better: 'lower' },
  ],
  targets: [
    {
      says: 'costs what changed, not what is cached: at most 1.01 rows a key',
      metric: 'rows per key',
      subject: subjectOf(1_000),
      atMost: 1.01,
    },
  ],
  async *run({ rounds, quick, progress, signal }): AsyncGenerator<Sample> {
    for (let round = 1; round <= Math.min(rounds, 3) && !signal.aborted; round += 1) {
      progress(`round ${round}`);
      const costs = await resyncCosts(quick ? 2_000 : ENTRIES, quick ? CHANGED.slice(0, 2) : CHANGED);
      for (const { changed, rows, ms } of costs) {
        yield { subject: subjectOf(changed), metric: 'per key', value: (1_000 * ms) / changed };
        yield { subject: subjectOf(changed), metric: 'rows per key', value: rows / changed };
      }
    }
  },
};
