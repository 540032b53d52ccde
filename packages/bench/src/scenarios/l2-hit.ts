import { type Environment, startEnvironment } from '../environment.ts';
import type { Sample, Scenario } from '../scenario.ts';
import { closeAll, openSubjects, PEERS } from '../subjects.ts';

const KEYS = 10_000;

/** Reads that Redis answers, without an L1, by so many readers at once. */
export function l2Hit(readers: number): Scenario {
  const many = readers > 1;
  return {
    name: `l2-hit-${readers}`,
    title: many ? `L2 hit, ${readers} readers` : 'L2 hit, one reader',
    how: `${many ? `${readers} readers` : 'One reader'} over 10,000 keys in Redis, values of about 200 bytes, decoded; no L1. The floor is a \`GET\` of ioredis and \`JSON.parse\`. cacheable and cache-manager are on node-redis.${many ? '' : ' Traced: each read inside a request’s span, of which an SDK keeps one in ten; the request’s own span included.'}`,
    floor: many ? 'ioredis auto-pipelining' : 'ioredis',
    metrics: [
      { name: 'reads', unit: 'ops/s', better: 'higher' },
      { name: 'p50', unit: 'µs', better: 'lower' },
      { name: 'p99', unit: 'µs', better: 'lower' },
    ],
    targets: many
      ? [
          {
            says: 'at least 1.8 times auto-pipelined GETs',
            metric: 'reads',
            subject: 'tidemark',
            against: 'ioredis auto-pipelining',
            atLeast: 1.8,
          },
          ...PEERS.map((peer) => ({
            says: `ahead of ${peer}`,
            metric: 'reads',
            subject: 'tidemark',
            against: peer,
            atLeast: 1,
          })),
        ]
      : [
          {
            says: 'at most 1.15 times the time of a GET',
            metric: 'p50',
            subject: 'tidemark',
            against: 'ioredis',
            atMost: 1.15,
          },
        ],
    async *run({ rounds, quick, progress }): AsyncGenerator<Sample> {
      const environment = await startEnvironment();
      try {
        yield* measure(environment, {
          rounds,
          keys: quick ? 100 : KEYS,
          ms: quick ? 30 : 600,
          readers,
          progress,
        });
      } finally {
        await environment.close();
      }
    },
  };
}

interface Size {
  readonly rounds: number;
  readonly keys: number;
  readonly ms: number;
  readonly readers: number;
  readonly progress: (text: string) => void;
}

async function* measure(
  environment: Environment,
  { rounds, keys, ms, readers, progress }: Size,
): AsyncGenerator<Sample> {
  const observed = readers > 1 ? [] : ['tidemark, OpenTelemetry metrics', 'tidemark, traced, 1 in 10 kept'];
  const names = ['ioredis', 'ioredis auto-pipelining', 'tidemark', ...observed, ...PEERS];
  const processes = await openSubjects(environment, names, { redis: true, l1: false, bus: false });
  try {
    for (const each of processes) await each.ask('warm', keys);
    for (let round = 0; round <= rounds; round += 1) {
      for (const each of processes) {
        progress(`round ${round} of ${rounds}: ${each.name}`);
        const { perSecond, p50Us, p99Us } = await each.ask('concurrent', keys, readers, ms);
        if (round === 0) continue;
        yield { subject: each.name, metric: 'reads', value: perSecond };
        yield { subject: each.name, metric: 'p50', value: p50Us };
        yield { subject: each.name, metric: 'p99', value: p99Us };
      }
    }
  } finally {
    await closeAll(processes);
  }
}
