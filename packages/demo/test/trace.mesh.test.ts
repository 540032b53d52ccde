import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { trace } from '@opentelemetry/api';
import { hashKey, otelTelemetry } from '@tidemark/otel';
import { type Sdk, startSdk } from '@tidemark/otel-sdk';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { OtlpReceiver, type ReceivedSpan, spanTree } from './otlp-receiver.ts';
import { items, type OpenNode, Regions } from './regions-harness.ts';

const PAGE = fileURLToPath(new URL('../../../docs/reference/telemetry.md', import.meta.url));
const IN_PAGE = /(?<=<!-- trace -->\n```text\n)[\s\S]*?(?=\n```)/;
const REGIONS = ['us-east', 'eu-west', 'ap-south'] as const;
const KEY = 'item:1';

const receiver = new OtlpReceiver();
let sdk: Sdk;
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
        return [region, await regions.node(region, { telemetry })] as const;
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
  await sdk.stop();
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
      ([key]) => !['tidemark.region', 'tidemark.node', 'tidemark.events', 'tidemark.barrier'].includes(key),
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
          'tidemark.bump us-east',
          'tidemark.raise us-east',
          'tidemark.publish us-east',
          ...REGIONS.map((region) => `tidemark.apply ${region}`),
        ].toSorted(),
      );
      expect(names(read)).toEqual(
        [
          'GET /items/1',
          ...['read', 'fetch', 'load', 'fill'].map((name) => `tidemark.${name} eu-west`),
        ].toSorted(),
      );
    },
    { timeout: 10_000 },
  );

  // The fill leads back to the write.
  const fill = of(read).find(({ name }) => name === 'tidemark.fill')!;
  expect(fill.links?.map(({ traceId }) => traceId)).toEqual([written]);
  expect(fill.attributes['tidemark.key_hash']).toBe(hashKey(KEY));
  const applied = of(written).find(({ spanId }) => spanId === fill.links![0]!.spanId);
  expect(applied?.name).toBe('tidemark.apply');
  expect(applied?.attributes['tidemark.region']).toBe('eu-west');

  const linked = new Map([[applied!.spanId, 'tidemark.apply [eu-west] of the write']]);
  // Regions apply at the same time: for the page they come in the order of their names.
  const sorted = of(written).map((span) =>
    span.name === 'tidemark.apply'
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

it('keys are in no span in plain text, and in no metric', async () => {
  const shown = receiver.spans.flatMap(({ attributes }) => Object.values(attributes));
  expect(shown.length).toBeGreaterThan(50);
  expect(shown.filter((value) => value.includes(KEY))).toEqual([]);
  const metrics = await (await fetch(sdk.metricsUrl!)).text();
  expect(metrics).toContain('tidemark_reads_total{');
  expect(metrics).not.toContain(KEY);
  expect(metrics).not.toContain(hashKey(KEY));
});
