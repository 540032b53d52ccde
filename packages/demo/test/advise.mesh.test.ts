import { setTimeout as wait } from 'node:timers/promises';
import { type Advice, fitWorkload, type MeasuredKeyspace, measureMesh } from '@tidemark/advisor';
import { keyspace, type Tier } from '@tidemark/core';
import { otelTelemetry } from '@tidemark/otel';
import { type Sdk, startSdk } from '@tidemark/otel-sdk';
import { type Server, startPrometheus } from '@tidemark/testbed';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { cli } from './agent-harness.ts';
import { type Item, type OpenNode, Regions } from './regions-harness.ts';

const KEYS = 200;
const NODES = ['us-1', 'eu-1', 'eu-2'] as const;
const TICK_MS = 10;
/** Of each node. */
const READS_A_TICK = 3;
const TICKS_A_WRITE = 10;
const READS = 1_500;
/** All of the traffic, however slow the machine. */
const WINDOW_S = 180;
const WAIT = { timeout: 60_000, interval: 50 };

const load = async (
  { id }: { readonly id: number },
  { db }: { readonly db: Loading },
): Promise<Item | null> =>
  (await db.maybeOne<Item>('select id, value from items where id = $1', [id])) ?? null;
interface Loading {
  maybeOne<T>(sql: string, values: readonly unknown[]): Promise<T | null | undefined>;
}
const exact = { params: { id: 'int' }, ttl: '1s', ttlJitter: 0, earlyRefresh: false } as const;
const items = keyspace({ ...exact, name: 'item', load });
const others = keyspace({ ...exact, name: 'other', load });

vi.setConfig({ testTimeout: 150_000 });
const random = xoroshiro128plus(20_261_130);
const below = (limit: number): number => (random.next() >>> 0) % limit;

let sdk: Sdk;
let regions: Regions;
let prometheus: Server;
/** Reads of `items` by the tier that answered, and writes, since the beginning. */
const counted = { l1: 0, l2: 0, source: 0, writes: 0 };

beforeAll(async () => {
  sdk = await startSdk({ service: 'test', prometheus: { port: 0 } });
  regions = await Regions.start(['us', 'eu']);
  await regions.admin.query(`insert into items select id, 'old' from generate_series(1, ${KEYS}) id`);
  const nodes = await Promise.all(
    NODES.map((name) => {
      const region = name.slice(0, 2);
      const telemetry = otelTelemetry({ region, node: name });
      return regions.node(region, { keyspaces: [items, others], telemetry });
    }),
  );
  prometheus = await startPrometheus({ targets: [new URL(sdk.metricsUrl!).host], rules: 'groups: []' });
  // Its first scrape comes seconds after its start: what was counted before is no rate.
  await vi.waitFor(async () => expect(await ask('sum(up)')).toBe(1), WAIT);
  await drive(nodes);
  await vi.waitFor(async () => {
    expect(await ask('sum(tidemark_reads_total{tidemark_keyspace="item"})')).toBe(readsOf());
  }, WAIT);
}, 150_000);
afterAll(async () => {
  await prometheus.close();
  await regions.close();
  await sdk.stop();
});

const readsOf = (): number => counted.l1 + counted.l2 + counted.source;

/** Reads and writes at a steady rate, each key as often as any other. */
async function drive(nodes: readonly OpenNode[]): Promise<void> {
  const read = async ({ node }: OpenNode): Promise<void> => {
    const tier: Tier = (await node.read(items, { id: 1 + below(KEYS) })).tier;
    counted[tier] += 1;
  };
  for (let tick = 0; readsOf() < READS; tick += 1) {
    const reads = nodes.flatMap((node) => Array.from({ length: READS_A_TICK }, () => read(node)));
    if (tick % TICKS_A_WRITE === 0) {
      counted.writes += 1;
      const id = 1 + below(KEYS);
      // By the library, which tells at once, or behind its back, where only the relay does.
      if (counted.writes % 2 === 0) await regions.sql(id, `sql ${tick}`);
      else
        await nodes[0]!.node.write((tx) =>
          tx.query('update items set value = $2 where id = $1', [id, `own ${tick}`]),
        );
    }
    await Promise.all(reads);
    if (tick % 50 === 0) await nodes[0]!.node.get(others, { id: 1 });
    await wait(TICK_MS);
  }
}

async function ask(query: string): Promise<number> {
  const response = await fetch(`${prometheus.url}/api/v1/query?query=${encodeURIComponent(query)}`);
  const { data } = (await response.json()) as { data: { result: { value: [number, string] }[] } };
  return Number(data.result[0]?.value[1] ?? 0);
}

type Answer = Advice & { readonly measured: MeasuredKeyspace & { readonly notes: readonly string[] } };

async function measured(...args: string[]): Promise<Answer[]> {
  const { code, out, err } = await cli(
    ...[
      'advise',
      '--prometheus',
      prometheus.url,
      '--window',
      `${WINDOW_S}s`,
      '--zipf',
      '0',
      '--json',
      ...args,
    ],
  );
  expect([code, err]).toEqual([0, '']);
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Answer);
}

describe('tidemark advise on a running mesh', () => {
  it('measures what is read, by whom it is answered, and what is written; one advice for each keyspace', async () => {
    const answers = await measured('--keys', String(KEYS));
    expect(answers.map(({ workload }) => workload.name)).toEqual(['item', 'other']);
    const { measured: seen, workload, prediction } = answers[0]!;
    // Prometheus takes what it saw first for where a series began, and continues it to the ends of the window.
    const near = (value: number, expected: number): void => {
      expect(value).toBeGreaterThan(expected * 0.8);
      expect(value).toBeLessThan(expected * 1.2);
    };
    near(seen.reads * WINDOW_S, readsOf());
    near(seen.loads * WINDOW_S, counted.source);
    for (const [share, tier] of [
      [seen.l1, 'l1'],
      [seen.l2, 'l2'],
      [seen.misses, 'source'],
    ] as const)
      expect(Math.abs(share - counted[tier] / readsOf()), tier).toBeLessThan(0.05);
    expect(seen.ttlS).toBeCloseTo(1, 1);
    expect(seen.loadMs).toBeGreaterThan(0);
    expect(workload).toMatchObject({ nodes: 3, regions: 2, zipf: 0, loadCost: seen.loadMs });
    expect(prediction.reads).toBe(seen.reads);
    const writes = answers.reduce((sum, each) => sum + each.workload.writes, 0);
    near(writes * WINDOW_S, counted.writes);
  });

  it('finds what explains the misses, unless it is said', async () => {
    const mesh = await measureMesh({ url: prometheus.url, timeoutMs: 10_000 }, WINDOW_S);
    const item = mesh.keyspaces.find(({ keyspace }) => keyspace === 'item')!;
    const { notes } = fitWorkload(mesh, item, { zipf: 0 });
    expect(notes).toEqual([
      expect.stringMatching(/^metrics do not say which keyspace was written/),
      expect.stringMatching(/explain the misses|closer together/),
    ]);
    const said = fitWorkload(mesh, item, { keys: 5_000, writes: 0 });
    expect(said).toMatchObject({ work: { keys: 5_000, writes: 0, reads: item.reads }, notes: [] });
  });

  it('a time without reads is a failure that says what to do', async () => {
    await expect(measureMesh({ url: prometheus.url, timeoutMs: 10_000 }, 1)).rejects.toMatchObject({
      code: 'E_METRICS',
      message: expect.stringContaining('look back further with --window'),
    });
  });
});
