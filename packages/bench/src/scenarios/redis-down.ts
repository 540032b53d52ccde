import { startEnvironment } from '../environment.ts';
import type { Sample, Scenario } from '../scenario.ts';
import { quantile } from '../statistics.ts';
import { closeAll, openSubjects, PEERS } from '../subjects.ts';
import type { SubjectProcess } from '../subject-process.ts';

const READS = 60;
const GIVE_UP_MS = 5_000;

/** Reads of cold keys while Redis is gone, or hangs. */
export const redisDown: Scenario = {
  name: 'redis-down',
  title: 'Redis is down',
  how: 'Cold keys are read, one after the other, from a source that answers at once, while Redis refuses connections (stopped) or hangs (SIGSTOP). Clients of the peers are tuned: no offline queue, no retries, commands time out after 250 ms, as Tidemark’s do by default. cacheable and cache-manager are on node-redis with its defaults. A read that takes 5 s counts as failed, and ends the measuring.',
  floor: null,
  metrics: ['stopped', 'hung'].flatMap((fault) => [
    { name: `${fault}: first`, unit: 'ms' as const, better: 'lower' as const },
    { name: `${fault}: p50`, unit: 'ms' as const, better: 'lower' as const },
    { name: `${fault}: p99`, unit: 'ms' as const, better: 'lower' as const },
    { name: `${fault}: failed`, unit: 'share' as const, better: 'lower' as const },
  ]),
  targets: [
    {
      says: 'no read fails while Redis is stopped',
      metric: 'stopped: failed',
      subject: 'tidemark',
      atMost: 0,
    },
    { says: 'no read fails while Redis hangs', metric: 'hung: failed', subject: 'tidemark', atMost: 0 },
  ],
  async *run({ quick, progress }): AsyncGenerator<Sample> {
    for (const name of ['tidemark', ...PEERS]) {
      for (const fault of ['stopped', 'hung'] as const) {
        progress(`${name}: ${fault}`);
        const environment = await startEnvironment();
        const processes = await openSubjects(environment, [name], {
          redis: true,
          l1: false,
          bus: false,
          tuned: true,
        });
        try {
          const [subject] = processes;
          await subject!.ask('warm', 20);
          if (fault === 'hung') environment.redis.pause();
          else await environment.redis.stop();
          const { took, failed, asked } = await readCold(subject!, quick ? 10 : READS);
          yield { subject: name, metric: `${fault}: first`, value: took[0]! };
          yield { subject: name, metric: `${fault}: p50`, value: quantile(took, 0.5) };
          yield { subject: name, metric: `${fault}: p99`, value: quantile(took, 0.99) };
          yield { subject: name, metric: `${fault}: failed`, value: failed / asked };
        } finally {
          if (fault === 'hung') environment.redis.resume();
          await closeAll(processes);
          await environment.close();
        }
      }
    }
  },
};

async function readCold(
  subject: SubjectProcess,
  reads: number,
): Promise<{ readonly took: number[]; readonly failed: number; readonly asked: number }> {
  const took: number[] = [];
  let failed = 0;
  for (let i = 0; i < reads; i += 1) {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), GIVE_UP_MS);
    });
    const read = subject.ask('timed', 1_000_000 + i);
    const result = await Promise.race([read, late]);
    clearTimeout(timer);
    took.push(result?.ms ?? GIVE_UP_MS);
    if (result === null || result.error !== null) failed += 1;
    if (result !== null) continue;
    // It would go on like that: all the rest counts as failed.
    read.catch(() => {});
    return { took, failed: failed + reads - i - 1, asked: reads };
  }
  return { took, failed, asked: reads };
}
