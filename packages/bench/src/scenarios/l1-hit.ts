import { startEnvironment } from '../environment.ts';
import type { Sample, Scenario } from '../scenario.ts';
import { closeAll, openSubjects, PEERS } from '../subjects.ts';

const KEYS = 10_000;

/** Reads that memory answers, one at a time. */
export const l1Hit: Scenario = {
  name: 'l1-hit',
  title: 'L1 hit',
  how: 'One caller reads 10,000 hot keys at random, values of about 200 bytes. `get` is awaited, `peek` gives no promise. Tidemark runs with its store, bus and source: an L1 that invalidations keep right. Keys are integers; the raw LRU is asked by a name that its caller has at hand, also where a key of Tidemark is text that the caller has at hand, or a text and an integer. With the OpenTelemetry API nothing is registered; with metrics, an SDK counts each read.',
  floor: 'lru-cache',
  metrics: [
    { name: 'peek', unit: 'ops/s', better: 'higher' },
    { name: 'get', unit: 'ops/s', better: 'higher' },
  ],
  targets: [
    {
      says: 'peek: at least 0.5 of the raw LRU',
      metric: 'peek',
      subject: 'tidemark',
      against: 'lru-cache',
      atLeast: 0.5,
    },
    {
      says: 'peek: ahead of layered-loader',
      metric: 'peek',
      subject: 'tidemark',
      against: 'layered-loader',
      atLeast: 1,
    },
    {
      says: 'get: ahead of layered-loader',
      metric: 'get',
      subject: 'tidemark',
      against: 'layered-loader',
      atLeast: 1,
    },
    {
      says: 'peek: as fast with the OpenTelemetry API and no SDK (0.9 for noise)',
      metric: 'peek',
      subject: 'tidemark, OpenTelemetry API',
      against: 'tidemark',
      atLeast: 0.9,
    },
    {
      says: 'get: 10 times BentoCache',
      metric: 'get',
      subject: 'tidemark',
      against: 'bentocache',
      atLeast: 10,
    },
    {
      says: 'get: 10 times cacheable',
      metric: 'get',
      subject: 'tidemark',
      against: 'cacheable',
      atLeast: 10,
    },
  ],
  async *run({ rounds, quick, progress }): AsyncGenerator<Sample> {
    const environment = await startEnvironment();
    const names = [
      'lru-cache',
      'tidemark',
      'tidemark, key of text',
      'tidemark, key of two parameters',
      'tidemark, OpenTelemetry API',
      'tidemark, OpenTelemetry metrics',
      ...PEERS,
    ];
    const processes = await openSubjects(environment, names, { redis: false, l1: true, bus: false });
    const ms = quick ? 20 : 400;
    const keys = quick ? 100 : KEYS;
    try {
      for (const each of processes) await each.ask('warm', keys);
      for (let round = 0; round <= rounds; round += 1) {
        for (const each of processes) {
          progress(`round ${round} of ${rounds}: ${each.name}`);
          const get = await each.ask('awaited', keys, ms);
          const peeks =
            each.name.startsWith('tidemark') || ['lru-cache', 'layered-loader'].includes(each.name);
          const peek = peeks ? await each.ask('peeked', keys, ms) : null;
          if (round === 0) continue; // Everything compiles first.
          yield { subject: each.name, metric: 'get', value: get };
          if (peek !== null) yield { subject: each.name, metric: 'peek', value: peek };
        }
      }
    } finally {
      await closeAll(processes);
      await environment.close();
    }
  },
};
