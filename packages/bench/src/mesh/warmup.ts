import { setTimeout as sleep } from 'node:timers/promises';
import { keyspace, type TidemarkNode } from '@tidemark/core';
import { startRedis } from '@tidemark/testbed';
import { keyList, peerOrigin, readMetas, sourceOrigin, warm, workOf } from '@tidemark/warmup';
import type { BenchContext, Sample, Scenario } from '../scenario.ts';
import { quantile } from '../statistics.ts';
import { BenchRegions, untilFresh } from './bench-regions.ts';
import { plainCopy } from './plain-copy.ts';
import { untilSetUp } from './region-state.ts';
import { changeRows, fillRows, tracked, wrongValues } from './warmup-rows.ts';

const ENTRIES = 1_000_000;
const CHANGES_PER_SECOND = 1_000;
const BUDGET = 500;
const SLOW_MS = 40;
const FLOOR = 'plain copy';
const COPY = 'tidemark warm, from a peer';
const SOURCE = `from the source, budget ${BUDGET}/s`;
const SLOW = 'from the source, 10 times slower';
const IDLE = 'live reads, no warm-up';
const LIVE = 'live reads, warm-up under way';

/** A cold region filled from a peer while rows change; and from the source, within a budget. */
export const warmup: Scenario = {
  name: 'warmup',
  title: 'Warm-up of a cold region',
  how: 'A million entries of one region are copied into another one’s emptied Redis while 1,000 rows a second change; afterwards every entry is compared with its row. The floor copies the same strings between the same servers with SCAN, MGET and pipelined SET. From the source: 5,000 cold keys at a budget of 500 loads a second, with live reads of other cold keys beside it, by another node; then with each load 40 ms slower from one moment on.',
  floor: FLOOR,
  metrics: [
    { name: 'rate', unit: 'ops/s', better: 'higher' },
    { name: 'wrong', unit: 'count', better: 'lower' },
    { name: 'of budget', unit: 'share', better: 'higher' },
    { name: 'p99', unit: 'ms', better: 'lower' },
  ],
  targets: [
    { says: 'at least 0.6 of a plain copy', metric: 'rate', subject: COPY, against: FLOOR, atLeast: 0.6 },
    { says: 'no entry below its tidemark', metric: 'wrong', subject: COPY, atMost: 0 },
    { says: 'holds the budget: at most 1.1 of it', metric: 'of budget', subject: SOURCE, atMost: 1.1 },
    { says: 'uses the budget: at least 0.9 of it', metric: 'of budget', subject: SOURCE, atLeast: 0.9 },
    { says: 'backs off when the source slows to a tenth', metric: 'of budget', subject: SLOW, atMost: 0.5 },
    { says: 'live reads: p99 at most 1.5 times', metric: 'p99', subject: LIVE, against: IDLE, atMost: 1.5 },
  ],
  async *run(context): AsyncGenerator<Sample> {
    yield* copies(context);
    yield* loads(context);
  },
};

async function* copies({ rounds, quick, progress, signal }: BenchContext): AsyncGenerator<Sample> {
  const entries = quick ? 5_000 : ENTRIES;
  const regions = await BenchRegions.start(['us', 'eu'], 0, entries);
  const bare = await startRedis();
  try {
    await untilFresh([await regions.node('us', [tracked]), await regions.node('eu', [tracked])]);
    const [us, eu, source] = [await regions.store('us'), await regions.store('eu'), regions.source()];
    progress(`filling ${entries} entries`);
    await fillRows(us, source, regions, entries);
    for (let round = 1; round <= Math.min(rounds, 3) && !signal.aborted; round += 1) {
      progress(`round ${round}`);
      const changing = changeRows(regions, entries, CHANGES_PER_SECOND);
      try {
        const plainMs = performance.now();
        const plain = await plainCopy(regions.redisOf('us').url, bare.url, 'tidemark:{*}');
        yield { subject: FLOOR, metric: 'rate', value: perSecond(plain, plainMs) };
        const [before] = await readMetas(eu);
        await regions.redisOf('eu').kill();
        await regions.redisOf('eu').wipe();
        await regions.redisOf('eu').start();
        await untilSetUp(eu, before?.incarnation);
        const warmMs = performance.now();
        const list = await keyList({ others: us.keys() });
        const report = await warm({
          store: eu,
          work: workOf(list, 500),
          keysKnown: list.keys.length,
          readsKnown: 0,
          origins: [peerOrigin('us', us)],
          prover: source,
          signal,
        });
        yield { subject: COPY, metric: 'rate', value: perSecond(report.keys, warmMs) };
      } finally {
        await changing.stop();
      }
      await converged(regions, eu);
      const { values, wrong } = await wrongValues(eu, regions, entries);
      if (values < entries / 2) throw new Error(`only ${values} of ${entries} entries were warmed`);
      yield { subject: COPY, metric: 'wrong', value: wrong };
      await fillRows(us, source, regions, entries);
    }
  } finally {
    await bare.close();
    await regions.close();
  }
}

/** What changed before now has been applied when a change of now has. */
async function converged(
  regions: BenchRegions,
  store: Awaited<ReturnType<BenchRegions['store']>>,
): Promise<void> {
  await regions.pool.query('update tracked set value = value + 1 where id = 1');
  const { versions } = await regions.source().labels([tracked.key({ id: 1 })]);
  for (;;) {
    const { records } = await store.read([tracked.key({ id: 1 })]);
    if ((records[0]?.tidemark.n ?? -1) >= versions[0]!.n) return;
    await sleep(20);
  }
}

async function* loads({ rounds, quick, progress, signal }: BenchContext): AsyncGenerator<Sample> {
  const keys = quick ? 400 : 5_000;
  const turns = Math.min(rounds, 3);
  const regions = await BenchRegions.start(['us'], 0, 3 * keys * turns);
  let extraMs = 0;
  const slowed = keyspace<{ id: 'int' }, { value: number }>({
    name: tracked.name,
    params: { id: 'int' },
    ttl: '1d',
    load: tracked.load,
    async loadMany(params, context) {
      if (extraMs > 0) await context.db.query('select pg_sleep($1)', [extraMs / 1_000]);
      return tracked.loadMany!(params, context);
    },
  });
  try {
    const { node } = await regions.node('us', [slowed]);
    // A process of its own would have its own connections, too.
    const { node: reader } = await regions.node('us', [slowed]);
    const store = await regions.store('us');
    await untilSetUp(store);
    // Of the budget: while all is well, and, past the half, while the source is slow.
    const from = async (
      first: number,
      count: number,
      slowFrom: number,
    ): Promise<[well: number, slow: number]> => {
      const keys = Array.from({ length: count }, (_, i) => tracked.key({ id: first + i }));
      const beganMs = performance.now();
      let slowMs = 0;
      let before = 0;
      let well = 0;
      const { filled } = await warm({
        store,
        work: workOf(await keyList({ others: [keys] }), BUDGET / 10),
        keysKnown: count,
        readsKnown: 0,
        origins: [sourceOrigin({ node, keyspaces: [slowed], store, budget: { loadsPerSecond: BUDGET } })],
        onProgress: (done) => {
          if (slowMs > 0 || done.filled < slowFrom) return;
          well = perSecond(done.filled, beganMs) / BUDGET;
          before = done.filled;
          slowMs = performance.now();
          extraMs = SLOW_MS;
        },
        deadlineMs: quick ? 3_000 : 20_000,
        signal,
      });
      extraMs = 0;
      if (slowMs === 0) return [perSecond(filled, beganMs) / BUDGET, 0];
      return [well, perSecond(filled - before, slowMs) / BUDGET];
    };
    for (let turn = 0; turn < turns && !signal.aborted; turn += 1) {
      const first = 1 + 3 * keys * turn;
      progress('live reads alone');
      const idle = await liveReads(reader, slowed, first + 2 * keys, quick);
      yield { subject: IDLE, metric: 'p99', value: idle };
      progress('from the source');
      const live = liveReads(reader, slowed, first + 2 * keys + keys / 2, quick);
      const [share] = await from(first, keys, keys);
      yield { subject: SOURCE, metric: 'of budget', value: share };
      yield { subject: LIVE, metric: 'p99', value: await live };
      progress('from a slow source');
      const [, slow] = await from(first + keys, keys, keys / 5);
      yield { subject: SLOW, metric: 'of budget', value: slow };
    }
  } finally {
    await regions.close();
  }
}

/** 99th percentile of reads that load, 100 a second, ms. */
async function liveReads(
  node: TidemarkNode,
  of: typeof tracked,
  first: number,
  quick: boolean,
): Promise<number> {
  const took: number[] = [];
  const reads = quick ? 20 : 900;
  const beganMs = performance.now();
  for (let i = 0; i < reads; i += 1) {
    const startedMs = performance.now();
    await node.get(of, { id: first + i });
    took.push(performance.now() - startedMs);
    await sleep(Math.max(0, beganMs + 10 * (i + 1) - performance.now()));
  }
  return quantile(took, 0.99);
}

function perSecond(count: number, sinceMs: number): number {
  return (1_000 * count) / (performance.now() - sinceMs);
}
