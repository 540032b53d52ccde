import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { trace } from '@opentelemetry/api';
import { hashKey, otelTelemetry } from '@tidemark/otel';
import { type Sdk, startSdk } from '@tidemark/otel-sdk';
import { peerOrigin, warm, workOf } from '@tidemark/warmup';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { OtlpReceiver, type ReceivedSpan, spanTree } from './otlp-receiver.ts';
import { items, type OpenNode, Regions } from './regions-harness.ts';

const PAGE = fileURLToPath(new URL('../../../docs/reference/telemetry.md', import.meta.url));
const IN_PAGE = /(?<=<!-- trace -->\n```text\n)[\s\S]*?(?=\n```)/;
const REGIONS = ['us-east', 'eu-west', 'ap-south'] as const;
const KEY = 'item:1';

const receiver = new OtlpReceiver();
let sdk: Sdk | null;
let regions: Regions;
let nodes: Map<string, OpenNode>;

beforeAll(async () => {
  process.env['OTEL_BSP_SCHEDULE_DELAY'] = '100';
  sdk = await startSdk({ service: 'test', otlp: await receiver.start(), prometheus: { port: 0 } });
  regions = await Regions.start(REGIONS);
  await regions.sql(1, 'old');
  nodes = new Map(
    await Promise.all(
      REGIONS.map(async (region) => {
        const telemetry = otelTelemetry({ region, node: `${region}-1` });
        // Where the writes are: else both the writer and the relay would be first to tell of them.
        const roles = { relay: region === 'us-east', applier: true };
        return [region, await regions.node(region, { telemetry, roles })] as const;
      }),
    ),
  );
  for (const { node } of nodes.values()) {
    await vi.waitFor(async () => expect((await node.read(items, { id: 1 })).tier).toBe('l1'), {
      timeout: 10_000,
    });
  }
});
afterAll(async () => {
  await regions.close();
  await sdk?.stop();
  await receiver.close();
  delete process.env['OTEL_BSP_SCHEDULE_DELAY'];
});

/** Runs `work` inside a span, as a service's handler runs; returns its trace. */
function request(name: string, work: () => Promise<unknown>): Promise<string> {
  return trace.getTracer('service').startActiveSpan(name, async (span) => {
    try {
      await work();
    } finally {
      span.end();
    }
    return span.spanContext().traceId;
  });
}

const of = (traceId: string): ReceivedSpan[] => receiver.spans.filter((span) => span.traceId === traceId);

/** What the page shows of a span: all but times, ids and the node's name. */
function line({ name, attributes, links = [] }: ReceivedSpan, linked: ReadonlyMap<string, string>): string {
  const shown = Object.entries(attributes)
    .filter(
      ([key]) =>
        ![
          'tidemark.region',
          'tidemark.node',
          'tidemark.events',
          'tidemark.barrier',
          'db.query.summary',
        ].includes(key),
    )
    .map(([key, value]) => `${key.replace(/^tidemark\./, '')}=${value}`);
  const region = attributes['tidemark.region'];
  const to = links.map(({ spanId }) => `links to ${linked.get(spanId) ?? 'another trace'}`);
  return [region ? `${name} [${region}]` : name, ...shown, ...to].join('  ');
}

it('a write, its way to every region, and the reload there: all of it as spans, as the docs show it', async () => {
  const us = nodes.get('us-east')!.node;
  const eu = nodes.get('eu-west')!.node;
  const written = await request('POST /items/1', () =>
    us.write((tx) => tx.query(`update items set value = 'new' where id = 1`)),
  );
  await vi.waitFor(() => expect(eu.peek(items, { id: 1 })).toBeUndefined(), { timeout: 10_000 });
  const read = await request('GET /items/1', async () =>
    expect(await eu.get(items, { id: 1 })).toEqual({ id: 1, value: 'new' }),
  );
  const names = (traceId: string): string[] =>
    of(traceId)
      .map(({ name, attributes }) => `${name} ${attributes['tidemark.region'] ?? ''}`.trim())
      .toSorted();
  await vi.waitFor(
    () => {
      expect(names(written)).toEqual(
        [
          'POST /items/1',
          'tidemark.write us-east',
          'commit us-east',
          'raise us-east',
          'publish us-east us-east',
          ...REGIONS.map((region) => `apply us-east ${region}`),
        ].toSorted(),
      );
      expect(names(read)).toEqual(
        [
          'GET /items/1',
          ...['tidemark.read', 'tidemark.fetch', 'load item', 'fill item'].map((name) => `${name} eu-west`),
        ].toSorted(),
      );
    },
    { timeout: 10_000 },
  );

  // The fill leads back to the write.
  const fill = of(read).find(({ name }) => name === 'fill item')!;
  expect(fill.links?.map(({ traceId }) => traceId)).toEqual([written]);
  expect(fill.attributes['tidemark.key_hash']).toBe(hashKey(KEY));
  const applied = of(written).find(({ spanId }) => spanId === fill.links![0]!.spanId);
  expect(applied?.name).toBe('apply us-east');
  expect(applied?.attributes['tidemark.region']).toBe('eu-west');

  const linked = new Map([[applied!.spanId, 'apply us-east [eu-west] of the write']]);
  // Regions apply at the same time: for the page they come in the order of their names.
  const sorted = of(written).map((span) =>
    span.name === 'apply us-east'
      ? {
          ...span,
          startTimeUnixNano:
            `9${String(REGIONS.indexOf(span.attributes['tidemark.region'] as 'us-east'))}`.padEnd(19, '0'),
        }
      : span,
  );
  const shown = [sorted, of(read)].map((spans) => spanTree(spans, (span) => line(span, linked))).join('\n\n');
  const page = await readFile(PAGE, 'utf8');
  if (process.env['UPDATE_DOCS'])
    await writeFile(
      PAGE,
      page.replace(IN_PAGE, () => shown),
    );
  else expect(IN_PAGE.exec(page)?.[0]).toBe(shown);
}, 60_000);

it('what is told, waited for, caught up with and warmed: every span of the page comes', async () => {
  const [us, eu, ap] = REGIONS.map((region) => nodes.get(region)!) as [OpenNode, OpenNode, OpenNode];
  const named = (name: string, region: string): ReceivedSpan | undefined =>
    receiver.spans.find((span) => span.name === name && span.attributes['tidemark.region'] === region);
  await regions.sql(2, 'by plain SQL');
  // Somebody else loads the key, and is slow.
  await vi.waitFor(async () => expect((await eu.store.read([])).meta).not.toBeNull());
  expect((await eu.store.lease('item:3', 'another process', 1_500)).granted).toBe(true);
  const waited = await request('GET /items/3', () => eu.node.get(items, { id: 3 }));
  await us.node.get(items, { id: 1 });
  await warm({
    store: ap.store,
    origins: [peerOrigin('peer:us-east', us.store)],
    prover: ap.source,
    work: workOf({ keys: [KEY], reads: [] }, 10),
    keysKnown: 1,
    readsKnown: 0,
    telemetry: otelTelemetry({ region: 'ap-south', node: 'warm' }),
  });
  await vi.waitFor(
    () => {
      const leader = REGIONS.find((region) => named(`relay ${region}`, region))!;
      // Whoever leads publishes to its own stream; each region applies that in its trace.
      const relayed = receiver.spans.filter(({ name }) => name === `relay ${leader}`);
      for (const region of REGIONS) {
        const applied = receiver.spans.filter(
          ({ name, attributes }) => name === `apply ${leader}` && attributes['tidemark.region'] === region,
        );
        expect(
          applied.some(({ parentSpanId }) => relayed.some(({ spanId }) => spanId === parentSpanId)),
        ).toBe(true);
      }
      expect(named(`barrier ${leader}`, leader)?.attributes).toMatchObject({
        'messaging.destination.name': leader,
        'tidemark.events': expect.stringMatching(/^[1-9]/),
      });
      expect(of(waited).map(({ name }) => name)).toContain('tidemark.lease_wait');
      // Each region's applier began with one.
      for (const region of REGIONS) expect(named('tidemark.resync', region)).toBeDefined();
      const run = named('tidemark.warmup', 'ap-south')!;
      expect(run.attributes).toMatchObject({ 'tidemark.outcome': 'complete', 'tidemark.keys': '1' });
      expect(named('tidemark.warmup.batch', 'ap-south')?.parentSpanId).toBe(run.spanId);
    },
    { timeout: 20_000 },
  );
  const received = new Set(receiver.spans.map(({ name }) => name.replace(/ .*/, '')));
  const page = await readFile(PAGE, 'utf8');
  const table = page.slice(page.indexOf('| span |'), page.indexOf('All have'));
  const rows = table
    .split('\n')
    .slice(2)
    .map((row) => row.split('|')[1] ?? '');
  const documented = rows.flatMap((row) => [...row.matchAll(/`([\w.]+)/g)].map(([, name]) => name!));
  expect(documented.length).toBe(15);
  expect(documented.filter((name) => !received.has(name))).toEqual([]);
}, 60_000);

it('keys are in no span in plain text, and in no metric, whatever happened', async () => {
  const { node } = nodes.get('eu-west')!;
  // A load that fails: its span has the error.
  await regions.admin.query('alter table items rename to moved');
  try {
    await request('GET /items/4', () => node.get(items, { id: 4 }).catch(() => {}));
  } finally {
    await regions.admin.query('alter table moved rename to items');
  }
  const isKey = /\bitem:\w/;
  await vi.waitFor(() => expect(receiver.spans.some(({ status }) => status?.message)).toBe(true), {
    timeout: 10_000,
  });
  expect(receiver.spans.length).toBeGreaterThan(30);
  expect(receiver.spans.filter((span) => isKey.test(JSON.stringify(span)))).toEqual([]);
  const metrics = await (await fetch(sdk!.metricsUrl!)).text();
  expect(metrics).toContain('tidemark_reads_total{');
  const labels = [...metrics.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => ({
    name,
    value: value!,
  }));
  const hashes = [1, 2, 3, 4].map((id) => hashKey(`item:${id}`));
  expect(labels.filter(({ value }) => isKey.test(value) || hashes.includes(value))).toEqual([]);
}, 60_000);

/** What the page says of metrics: labels, without region and node, by name. */
function metricsOf(page: string): Map<string, readonly string[]> {
  const codes = (cell = ''): string[] => [...cell.matchAll(/`([\w.]+)`/g)].map(([, code]) => code!);
  const table = page.slice(page.indexOf('| metric |'), page.indexOf('Loads avoided')).trim();
  const documented = new Map<string, readonly string[]>();
  let before: readonly string[] = [];
  for (const row of table.split('\n').slice(2)) {
    const [, names, labels = ''] = row.split('|');
    const [first = '', ...others] = codes(names);
    before = [...(labels.includes('the same') ? before : []), ...codes(labels)];
    // `tidemark.a.b`, `.c` is `tidemark.a.b` and `tidemark.a.c`.
    for (const name of [first, ...others])
      documented.set(name.startsWith('.') ? first.replace(/\.[^.]+$/, name) : name, before);
  }
  return documented;
}

it('metrics are sent by OTLP, what is left at the end: every one of the page comes, with its labels', async () => {
  // What this mesh has no cause to tell.
  const { record } = otelTelemetry({ region: 'eu-west', node: 'by hand' });
  record({ type: 'read', keyspace: 'item', tier: 'l1', why: 'stale' });
  record({ type: 'age', keyspace: 'item', ms: 10 });
  record({ type: 'breaker', of: 'store', name: '0', open: false });
  const at = { region: 'eu-west', tier: 'l2', times: 1 } as const;
  for (const outcome of ['consistent', 'late'] as const)
    record({ type: 'verified', ...at, ageMs: 1_000, outcome });
  record({ type: 'finding', ...at, kind: 'stale' });
  const warmed = { keys: 1, filled: 1, refused: 0, bytes: 1, coverage: 1, speed: 1 };
  record({ type: 'warmup', ...warmed, hitRate: 1 });
  const served = await (await fetch(sdk!.metricsUrl!)).text();
  await sdk!.stop();
  sdk = null;
  const { metrics } = receiver;
  const documented = metricsOf(await readFile(PAGE, 'utf8'));
  expect([...metrics.keys()].toSorted()).toEqual([...documented.keys()].toSorted());
  for (const [name, { service, kind, unit, series }] of metrics) {
    expect([name, service]).toEqual([name, 'test']);
    if (/\.(?:duration|ttl|age|bound|staleness_bound)$/.test(name)) expect([name, unit]).toEqual([name, 's']);
    // The page says how Prometheus has the same.
    const counted = kind === 'sum' ? '_total' : '';
    const type = kind === 'sum' ? 'counter' : kind;
    expect(served).toContain(`# TYPE ${name.replaceAll('.', '_')}${counted} ${type}\n`);
    for (const { 'tidemark.region': region, 'tidemark.node': node, ...labels } of series) {
      expect([name, region, node]).toEqual([name, expect.any(String), expect.any(String)]);
      for (const label of Object.keys(labels))
        expect(documented.get(name), name).toContain(label.replace('tidemark.', ''));
    }
  }
  const readers = metrics.get('tidemark.reads')!.series.map((labels) => labels['tidemark.region']);
  expect(readers).toEqual(expect.arrayContaining([...REGIONS]));
  expect(JSON.stringify([...metrics])).not.toMatch(/\bitem:\w/);
});
