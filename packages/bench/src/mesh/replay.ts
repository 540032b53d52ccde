import { readFileSync } from 'node:fs';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { Sample, Scenario } from '../scenario.ts';
import { type BenchNode, BenchRegions, items, untilFresh } from './bench-regions.ts';
import { zipf } from './zipf.ts';

const KEYS = 10_000;
const OPERATIONS = 30_000;
const WORKERS = 16;
/** News on its way for longer than this makes a read stale. */
const GRACE_MS = 1_000;
const CLUSTERS = ['cluster6', 'cluster16', 'cluster19', 'cluster34', 'cluster51'];
const TABLE = new URL('../../data/twitter-2020-workloads.csv', import.meta.url);

interface Workload {
  readonly cluster: string;
  readonly alpha: number;
  /** Of all operations. */
  readonly writes: number;
}

/** Popularity and mix of measured workloads, played on one region. */
export const replay: Scenario = {
  name: 'replay',
  title: 'Workloads of Twitter’s clusters',
  how: '30,000 operations on 10,000 rows in Postgres, begun cold: popularity (Zipf exponent) and share of writes as measured in five clusters (Yang, Yue, Rashmi, OSDI 2020; CC-BY 4.0). One node reads, another one of the region writes, 16 operations at a time. Stale: a read that shows a row older than a write that was acknowledged a second before it began.',
  floor: null,
  metrics: [
    { name: 'hits', unit: 'share', better: 'higher' },
    { name: 'loads', unit: 'count', better: 'lower' },
    { name: 'stale', unit: 'count', better: 'lower' },
  ],
  targets: CLUSTERS.map((cluster) => ({
    says: `${cluster}: no stale read`,
    metric: 'stale',
    subject: cluster,
    atMost: 0,
  })),
  async *run({ quick, progress }): AsyncGenerator<Sample> {
    for (const workload of workloads()) {
      progress(workload.cluster);
      const regions = await BenchRegions.start(['us']);
      try {
        const reader = await regions.node('us');
        const writer = await regions.node('us');
        await untilFresh([reader, writer]);
        const { stale, reads, loads } = await play(workload, reader, writer, quick ? 300 : OPERATIONS);
        const subject = workload.cluster;
        yield { subject, metric: 'hits', value: 1 - loads / reads };
        yield { subject, metric: 'loads', value: loads };
        yield { subject, metric: 'stale', value: stale };
      } finally {
        await regions.close();
      }
    }
  },
};

function workloads(): Workload[] {
  const [head, ...lines] = readFileSync(TABLE, 'utf8').trim().split('\n');
  const names = head!.split(',');
  return lines
    .map((line) =>
      (line.match(/("[^"]*"|[^,]*)(?:,|$)/g) ?? []).map((cell) => cell.replace(/,$/, '').replaceAll('"', '')),
    )
    .map((cells) => Object.fromEntries(names.map((name, i) => [name, cells[i] ?? ''])))
    .filter(({ cluster }) => CLUSTERS.includes(cluster ?? ''))
    .map(({ cluster, zipf_alpha: alpha, operations }) => {
      const reads = Number(/get:([\d.]+)/.exec(operations ?? '')?.[1] ?? 1);
      return { cluster: cluster!, alpha: Number(alpha), writes: 1 - reads };
    });
}

interface Acknowledged {
  readonly value: number;
  readonly atMs: number;
}

async function play(
  { alpha, writes }: Workload,
  reader: BenchNode,
  writer: BenchNode,
  operations: number,
): Promise<{ stale: number; reads: number; loads: number }> {
  const pick = zipf(alpha, KEYS);
  const generator = xoroshiro128plus(2_020);
  const draw = (): number => (generator.next() >>> 0) / 2 ** 32;
  const acknowledged = new Map<number, Acknowledged[]>();
  const before = reader.node.stats();
  let stale = 0;
  let begun = 0;
  const work = async (): Promise<void> => {
    while (begun < operations) {
      begun += 1;
      const id = pick(draw());
      if (draw() < writes) {
        const { value } = await writer.node.write(async (tx) => {
          const row = await tx.one<Acknowledged>(
            'update items set value = value + 1 where id = $1 returning value',
            [id],
          );
          tx.bump(items, { id });
          return row.value;
        });
        const known = acknowledged.get(id) ?? [];
        acknowledged.set(id, [...known.slice(-20), { value, atMs: performance.now() }]);
        continue;
      }
      const beganMs = performance.now();
      const due = (acknowledged.get(id) ?? []).filter(({ atMs }) => atMs < beganMs - GRACE_MS);
      const row = await reader.node.get(items, { id });
      if ((row?.value ?? 0) < Math.max(0, ...due.map(({ value }) => value))) stale += 1;
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  const { reads, loads } = reader.node.stats();
  return { stale, reads: reads - before.reads, loads: loads - before.loads };
}
