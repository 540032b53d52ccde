import { performance } from 'node:perf_hooks';
import type { Sample, Scenario } from '../scenario.ts';
import { quantile } from '../statistics.ts';
import { BenchRegions, items, untilFresh } from './bench-regions.ts';

const WRITES = 400;
const ROWS = 10_000;
const SUBJECTS =
  'The floor is the `UPDATE` alone, autocommitted. By trigger: the same statement on a tracked table. By the library: `write` with the `UPDATE` and a `bump`, which returns when the region is told.';

/**
 * What a write costs that keeps caches right, beside the same write that does not. The target is judged where a
 * commit waits for a disk: "the same `UPDATE` alone" is what a production server takes for it. What stands out
 * without the wait is what our own work takes.
 */
export const writeOverhead: Scenario = {
  ...overhead(true),
  name: 'write-overhead',
  title: 'Overhead of a write',
  how: `One row is updated, one write at a time, on a Postgres whose commits wait for its disk, as in production. ${SUBJECTS}`,
  targets: [
    {
      says: 'by trigger: at most 1.5 times',
      metric: 'p50',
      subject: 'by trigger',
      against: 'UPDATE alone',
      atMost: 1.5,
    },
  ],
};

/** The same on a Postgres in memory: nothing hides our own work. */
export const writeOverheadInMemory: Scenario = {
  ...overhead(false),
  name: 'write-overhead-in-memory',
  title: 'Overhead of a write without a disk',
  how: `The same on a Postgres in memory without fsync, where the \`UPDATE\` is as fast as it can be: what is added is processor time alone. The relay and the applier run in the writer's process, and work for each write. ${SUBJECTS}`,
  targets: [],
};

function overhead(durable: boolean): Pick<Scenario, 'floor' | 'metrics' | 'run'> {
  return {
    floor: 'UPDATE alone',
    metrics: [{ name: 'p50', unit: 'ms', better: 'lower' }],
    async *run({ rounds, quick, progress }): AsyncGenerator<Sample> {
      const regions = await BenchRegions.start(['us'], 0, ROWS, durable);
      try {
        const { node, bus } = await regions.node('us');
        await untilFresh([{ node, bus }]);
        const writes = quick ? 20 : WRITES;
        const update = (table: string) => (id: number) =>
          regions.pool.query(`update ${table} set value = value + 1 where id = $1`, [id]);
        const plain = { 'UPDATE alone': update('items'), 'by trigger': update('tracked') };
        const library = {
          'by the library': (id: number) =>
            node.write(async (tx) => {
              await tx.query('update items set value = value + 1 where id = $1', [id]);
              tx.bump(items, { id });
            }),
        };
        for (let round = 0; round <= rounds; round += 1) {
          for (const subjects of [plain, library]) {
            progress(`round ${round} of ${rounds}: ${Object.keys(subjects).join(' and ')}`);
            const took = await alternate(subjects, writes);
            if (round === 0) continue;
            for (const [subject, ms] of took) yield { subject, metric: 'p50', value: quantile(ms, 0.5) };
          }
        }
      } finally {
        await regions.close();
      }
    },
  };
}

/** How long each write took. Subjects take turns, so that whatever else the machine does hits all alike. */
async function alternate(
  subjects: Readonly<Record<string, (id: number) => Promise<unknown>>>,
  writes: number,
): Promise<ReadonlyMap<string, number[]>> {
  const took = new Map(Object.keys(subjects).map((subject) => [subject, [] as number[]]));
  for (let i = 0; i < writes; i += 1) {
    for (const [subject, write] of Object.entries(subjects)) {
      const beganMs = performance.now();
      await write(1 + ((i * 7_919) % ROWS));
      took.get(subject)!.push(performance.now() - beganMs);
    }
  }
  return took;
}
