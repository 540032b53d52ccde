import { startEnvironment } from '../environment.ts';
import type { Sample, Scenario } from '../scenario.ts';
import { closeAll, openSubjects, PEERS } from '../subjects.ts';

const KEYS = 10_000;
const SIZE = 100;

/** A hundred keys at once from Redis. */
export const getMany: Scenario = {
  name: 'get-many',
  title: '100 keys at once, from L2',
  how: 'One caller asks for 100 keys at a time that Redis has; no L1. The floor is one `MGET` of ioredis and 100 `JSON.parse`. A library without such a call is asked for 100 keys at once.',
  floor: 'ioredis',
  metrics: [{ name: 'p50', unit: 'µs', better: 'lower' }],
  targets: [],
  async *run({ rounds, quick, progress }): AsyncGenerator<Sample> {
    const environment = await startEnvironment();
    const names = ['ioredis', 'tidemark', ...PEERS];
    const processes = await openSubjects(environment, names, { redis: true, l1: false, bus: false });
    const keys = quick ? 200 : KEYS;
    try {
      for (const each of processes) await each.ask('warm', keys);
      for (let round = 0; round <= rounds; round += 1) {
        for (const each of processes) {
          progress(`round ${round} of ${rounds}: ${each.name}`);
          const { p50Us } = await each.ask('many', keys, SIZE, quick ? 30 : 500);
          if (round > 0) yield { subject: each.name, metric: 'p50', value: p50Us };
        }
      }
    } finally {
      await closeAll(processes);
      await environment.close();
    }
  },
};
