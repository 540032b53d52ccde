import { setTimeout as sleep } from 'node:timers/promises';
import { startProxy } from '@tidemark/testbed';
import { Redis } from 'ioredis';
import { startEnvironment } from '../environment.ts';
import type { Sample, Scenario } from '../scenario.ts';
import type { SubjectProcess } from '../subject-process.ts';
import { closeAll, openSubjects } from '../subjects.ts';

const KEYS = 40;
const CUT_MS = 1_000;
const WAIT_MS = 5_000;
/** Those of the peers that tell other processes of an invalidation. */
const SUBJECTS = ['tidemark', 'layered-loader', 'bentocache'] as const;

/** A process misses the news of writes: does it find out, and when? */
export const lostMessage: Scenario = {
  name: 'lost-message',
  title: 'Lost message',
  how: 'A process has 40 rows in its L1 and is cut off from Redis and NATS for a second: bytes vanish, connections stay open. Meanwhile another process writes the rows and invalidates them. Counted are rows that the first one serves anew within 5 s of the heal, long before their TTL; and how long after the heal the last of these came.',
  floor: null,
  metrics: [
    { name: 'converged', unit: 'count', better: 'higher' },
    { name: 'last after', unit: 'ms', better: 'lower' },
  ],
  targets: [
    { says: 'all 40 converge', metric: 'converged', subject: 'tidemark', atLeast: KEYS },
    { says: 'healed in under 3 s', metric: 'last after', subject: 'tidemark', atMost: 3_000 },
  ],
  async *run({ rounds, quick, progress, signal }): AsyncGenerator<Sample> {
    const environment = await startEnvironment();
    const rows = new Redis(environment.rows.port, '127.0.0.1');
    const redisPath = await startProxy({ target: environment.redis });
    const natsUrl = new URL(environment.natsUrl);
    const natsPath = await startProxy({ target: { host: '127.0.0.1', port: Number(natsUrl.port) } });
    const cutOff = {
      ...environment,
      redis: { ...environment.redis, port: redisPath.port },
      natsUrl: `nats://127.0.0.1:${natsPath.port}`,
    };
    const wish = {
      redis: true,
      l1: true,
      bus: true,
      source: { kind: 'rows', port: environment.rows.port, takesMs: 1 },
    } as const;
    try {
      for (const name of quick ? SUBJECTS.slice(0, 1) : SUBJECTS) {
        for (let round = 1; round <= Math.min(rounds, 3) && !signal.aborted; round += 1) {
          progress(`${name}: round ${round}`);
          const pair = [
            ...(await openSubjects(cutOff, [name], wish)),
            ...(await openSubjects(environment, [name], wish)),
          ];
          try {
            yield* await lose(pair, rows, [redisPath, natsPath]);
          } finally {
            for (const path of [redisPath, natsPath]) path.heal();
            await closeAll(pair);
            await rows.flushall();
          }
        }
      }
    } finally {
      rows.disconnect();
      await redisPath.close();
      await natsPath.close();
      await environment.close();
    }
  },
};

interface Path {
  cut(mode: 'blackhole'): void;
  heal(): void;
}

async function lose(
  [reader, writer]: readonly SubjectProcess[],
  rows: Redis,
  paths: readonly Path[],
): Promise<Sample[]> {
  const ids = Array.from({ length: KEYS }, (_, i) => i);
  for (const id of ids) await rows.set(`row:${id}`, 1);
  for (const id of [...ids, ...ids]) await reader!.ask('versionOf', id);
  for (const path of paths) path.cut('blackhole');
  const cutMs = performance.now();
  for (const id of ids) await rows.set(`row:${id}`, 2);
  await Promise.all(ids.map((id) => writer!.ask('invalidate', id)));
  await sleep(Math.max(0, cutMs + CUT_MS - performance.now()));
  for (const path of paths) path.heal();
  const healedMs = performance.now();
  const old = new Set(ids);
  let lastMs = 0;
  while (old.size > 0 && performance.now() - healedMs < WAIT_MS) {
    const versions = await Promise.all(
      [...old].map(async (id) => [id, await reader!.ask('versionOf', id)] as const),
    );
    for (const [id, version] of versions) {
      if (version >= 2 && old.delete(id)) lastMs = performance.now() - healedMs;
    }
    await sleep(10);
  }
  const subject = reader!.name;
  const converged: Sample = { subject, metric: 'converged', value: KEYS - old.size };
  return old.size < KEYS ? [converged, { subject, metric: 'last after', value: lastMs }] : [converged];
}
