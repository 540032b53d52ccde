import { Redis } from 'ioredis';
import { startEnvironment } from '../environment.ts';
import type { Sample, Scenario } from '../scenario.ts';
import { closeAll, openSubjects, PEERS } from '../subjects.ts';

const CALLERS = 1_000;
const PROCESSES = 4;

/** Callers of one cold key at once: how often its row is loaded. */
export const stampede: Scenario = {
  name: 'stampede',
  title: 'Stampede on a cold key',
  how: '1,000 callers ask for one cold key at once, in one process, and in each of four processes that share a Redis; a load takes 50 ms. Counted: loads of the row.',
  floor: null,
  metrics: [
    { name: 'loads, 1 process', unit: 'count', better: 'lower' },
    { name: 'loads, 4 processes', unit: 'count', better: 'lower' },
  ],
  targets: [
    { says: 'one load, one process', metric: 'loads, 1 process', subject: 'tidemark', atMost: 1 },
    {
      says: 'one load for the region, four processes',
      metric: 'loads, 4 processes',
      subject: 'tidemark',
      atMost: 1,
    },
  ],
  async *run({ rounds, quick, progress }): AsyncGenerator<Sample> {
    const environment = await startEnvironment();
    const rows = new Redis(environment.rows.port, '127.0.0.1');
    try {
      for (const name of ['tidemark', ...PEERS]) {
        progress(name);
        const processes = await openSubjects(
          environment,
          Array.from({ length: PROCESSES }, () => name),
          {
            redis: true,
            // It keeps values in memory or in Redis: only Redis is shared.
            l1: name !== 'async-cache-dedupe',
            bus: name !== 'cacheable' && name !== 'cache-manager',
            source: { kind: 'rows', port: environment.rows.port, takesMs: 50 },
          },
        );
        try {
          for (let round = 0; round < rounds; round += 1) {
            const callers = quick ? 20 : CALLERS;
            const alone = 2 * round;
            await processes[0]!.ask('callers', alone, callers);
            yield {
              subject: name,
              metric: 'loads, 1 process',
              value: Number(await rows.getdel(`loads:${alone}`)),
            };
            const shared = alone + 1;
            await Promise.all(processes.map((each) => each.ask('callers', shared, callers)));
            yield {
              subject: name,
              metric: 'loads, 4 processes',
              value: Number(await rows.getdel(`loads:${shared}`)),
            };
          }
        } finally {
          await closeAll(processes);
          await rows.flushall();
        }
      }
    } finally {
      rows.disconnect();
      await environment.close();
    }
  },
};
