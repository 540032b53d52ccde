import { setTimeout as sleep } from 'node:timers/promises';
import { keyspace } from '@tidemark/core';
import { keyList, peerOrigin, readMetas, warm, workOf } from '@tidemark/warmup';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { Sample, Scenario } from '../scenario.ts';
import { quantile } from '../statistics.ts';
import { type BenchNode, BenchRegions, untilFresh } from './bench-regions.ts';
import { untilSetUp } from './region-state.ts';
import { changeRows, fillRows, tracked } from './warmup-rows.ts';
import { zipf } from './zipf.ts';

const ROWS = 100_000;
const READS_PER_SECOND = 1_000;
const CHANGES_PER_SECOND = 100;
const ALPHA = 0.9;
const SECONDS = 60;
const LOAD_MS = 10;
/** With 10 ms a load, a source that can do 600 a second at most. */
const CONNECTIONS = 6;
const AT_ONCE = 'traffic at once';
const WARMED = 'warmed first';

/** Rows whose load costs the source something, as a query over several tables does. */
const costly = keyspace<{ id: 'int' }, { value: number }>({
  name: tracked.name,
  params: { id: 'int' },
  ttl: '1d',
  load: ({ id }, { db }) =>
    db.maybeOne('select value from tracked, pg_sleep($2) where id = $1', [id, LOAD_MS / 1_000]),
});

/** The first minute of a region that has lost its Redis. */
export const coldStart: Scenario = {
  name: 'cold-start',
  title: 'The first minute of a cold region',
  how: `A region's Redis is emptied and a service starts: ${READS_PER_SECOND.toLocaleString('en')} reads a second of ${ROWS.toLocaleString('en')} rows (Zipf ${ALPHA}), ${CHANGES_PER_SECOND} rows changed a second, and a source that does ${(CONNECTIONS * 1_000) / LOAD_MS} loads a second at most. Once the traffic comes at once, once \`tidemark warm --from peer\` comes first. Reads that fail, be it shed (E_OVERLOADED) or timed out, are counted with the time that they took.`,
  floor: AT_ONCE,
  metrics: [
    { name: 'loads', unit: 'count', better: 'lower' },
    { name: 'p99', unit: 'ms', better: 'lower' },
    { name: 'failed', unit: 'count', better: 'lower' },
    { name: 'warm-up', unit: 'ms', better: 'lower' },
  ],
  targets: [
    { says: 'loads: at most a fifth', metric: 'loads', subject: WARMED, against: AT_ONCE, atMost: 0.2 },
    { says: 'p99: at most a tenth', metric: 'p99', subject: WARMED, against: AT_ONCE, atMost: 0.1 },
    { says: 'no read fails', metric: 'failed', subject: WARMED, atMost: 0 },
  ],
  async *run({ quick, progress, signal }): AsyncGenerator<Sample> {
    const rows = quick ? 2_000 : ROWS;
    const regions = await BenchRegions.start(['us', 'eu'], 0, rows);
    try {
      // The region's roles; the nodes that read come and go.
      await untilFresh([await regions.node('us', [costly]), await regions.node('eu', [costly])]);
      const [us, eu] = [await regions.store('us'), await regions.store('eu')];
      progress(`filling the peer with ${rows} entries`);
      await fillRows(us, regions.source(), regions, rows);
      const changing = changeRows(regions, rows, CHANGES_PER_SECOND);
      try {
        for (const subject of [AT_ONCE, WARMED]) {
          if (signal.aborted) return;
          progress(subject);
          const [before] = await readMetas(eu);
          await regions.redisOf('eu').kill();
          await regions.redisOf('eu').wipe();
          await regions.redisOf('eu').start();
          await untilSetUp(eu, before?.incarnation);
          if (subject === WARMED) {
            const list = await keyList({ others: us.keys() });
            const { tookMs } = await warm({
              store: eu,
              work: workOf(list, 500),
              keysKnown: list.keys.length,
              readsKnown: 0,
              origins: [peerOrigin('us', us)],
              prover: regions.source(),
              signal,
            });
            yield { subject, metric: 'warm-up', value: tookMs };
          }
          const service = await regions.node('eu', [costly], CONNECTIONS);
          yield* firstMinute(subject, service, rows, quick ? 2 : SECONDS);
          await service.node.close();
        }
      } finally {
        await changing.stop();
      }
    } finally {
      await regions.close();
    }
  },
};

/** Reads that come at a steady rate, whatever the earlier ones take. */
async function* firstMinute(
  subject: string,
  { node }: BenchNode,
  rows: number,
  seconds: number,
): AsyncGenerator<Sample> {
  const pick = zipf(ALPHA, rows);
  const generator = xoroshiro128plus(1);
  const bySecond = Array.from({ length: seconds }, () => [] as number[]);
  let failed = 0;
  let loadsBefore = node.stats().loads;
  const loadsAtFirst = loadsBefore;
  const reads = new Set<Promise<void>>();
  const beganMs = performance.now();
  const read = async (second: number): Promise<void> => {
    const startedMs = performance.now();
    try {
      await node.get(costly, { id: pick((generator.next() >>> 0) / 2 ** 32) });
    } catch {
      failed += 1;
    }
    bySecond[second]!.push(performance.now() - startedMs);
  };
  let begun = 0;
  for (let second = 0; second < seconds; second += 1) {
    const endMs = beganMs + (second + 1) * 1_000;
    while (performance.now() < endMs) {
      const due = Math.floor(((performance.now() - beganMs) / 1_000) * READS_PER_SECOND);
      for (; begun < due; begun += 1) {
        const one: Promise<void> = read(second).finally(() => reads.delete(one));
        reads.add(one);
      }
      await sleep(1);
    }
    const { loads } = node.stats();
    yield { subject, metric: 'loads', value: loads - loadsBefore, atS: second };
    loadsBefore = loads;
  }
  await Promise.all(reads);
  for (const [second, took] of bySecond.entries())
    yield { subject, metric: 'p99', value: quantile(took, 0.99), atS: second };
  yield { subject, metric: 'loads', value: node.stats().loads - loadsAtFirst };
  yield { subject, metric: 'p99', value: quantile(bySecond.flat(), 0.99) };
  yield { subject, metric: 'failed', value: failed };
}
