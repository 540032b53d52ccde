import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { startEnvironment } from '../environment.ts';
import type { Sample, Scenario } from '../scenario.ts';
import { closeAll, openSubjects, PEERS } from '../subjects.ts';
import type { SubjectProcess } from '../subject-process.ts';

const RACES = 1_000;
const PEER_RACES = 100;
const AT_ONCE = 50;
const SETTLE_MS = 250;

/** A load begins, the row is written and invalidated by another process, the load ends: is the old row cached? */
export const staleSet: Scenario = {
  name: 'stale-set',
  title: 'Stale set',
  how: 'A process begins to load a row, which takes 50 ms; meanwhile another process writes the row and invalidates it. A quarter of a second after both are done, both processes read: counted are races after which one of them still gets the old row. 1,000 races for Tidemark, 100 for the others.',
  floor: null,
  metrics: [
    { name: 'races', unit: 'count', better: 'higher' },
    { name: 'stale', unit: 'count', better: 'lower' },
  ],
  targets: [{ says: 'none', metric: 'stale', subject: 'tidemark', atMost: 0 }],
  async *run({ quick, progress }): AsyncGenerator<Sample> {
    const environment = await startEnvironment();
    const rows = new Redis(environment.rows.port, '127.0.0.1');
    try {
      for (const name of ['tidemark', ...PEERS]) {
        const races = quick ? 10 : name === 'tidemark' ? RACES : PEER_RACES;
        const pair = await openSubjects(environment, [name, name], {
          redis: true,
          l1: name !== 'async-cache-dedupe',
          bus: name !== 'cacheable' && name !== 'cache-manager',
          source: { kind: 'rows', port: environment.rows.port, takesMs: 50 },
        });
        try {
          let stale = 0;
          for (let id = 0; id < races; id += AT_ONCE) {
            progress(`${name}: ${id} of ${races}`);
            const ids = Array.from({ length: Math.min(AT_ONCE, races - id) }, (_, i) => id + i);
            stale += (await Promise.all(ids.map((each) => race(pair, rows, each)))).filter(Boolean).length;
          }
          yield { subject: name, metric: 'races', value: races };
          yield { subject: name, metric: 'stale', value: stale };
        } finally {
          await closeAll(pair);
          await rows.flushall();
        }
      }
    } finally {
      rows.disconnect();
      await environment.close();
    }
  },
};

/** Whether a process still reads the old row afterwards. */
async function race([reader, writer]: readonly SubjectProcess[], rows: Redis, id: number): Promise<boolean> {
  await rows.set(`row:${id}`, 1);
  const reading = reader!.ask('versionOf', id);
  // Its load has read the old row, and holds it.
  for (let asked = 0; (await rows.get(`loads:${id}`)) === null; asked += 1) {
    if (asked > 100_000) throw new Error(`${reader!.name} never loads the row`);
  }
  await rows.set(`row:${id}`, 2);
  await writer!.ask('invalidate', id);
  await reading;
  // News on its way is not what is measured.
  await sleep(SETTLE_MS);
  const after = await Promise.all([reader!.ask('versionOf', id), writer!.ask('versionOf', id)]);
  return after.some((version) => version < 2);
}
