import { context, metrics, propagation, trace } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { NodeSDK, tracing } from '@opentelemetry/sdk-node';
import { otelTelemetry } from '@tidemark/otel';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { items, Regions } from './regions-harness.ts';

const spans = new tracing.InMemorySpanExporter();
const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const reader = new PeriodicExportingMetricReader({
  exporter: metricExporter,
  exportIntervalMillis: 3_600_000,
});
let sdk: NodeSDK;
let regions: Regions;

beforeAll(async () => {
  sdk = new NodeSDK({
    spanProcessors: [new tracing.SimpleSpanProcessor(spans)],
    metricReaders: [reader],
    logRecordProcessors: [],
  });
  sdk.start();
  regions = await Regions.start(['us', 'eu']);
  await regions.sql(1, 'old');
});
afterAll(async () => {
  await regions.close();
  await sdk.shutdown();
  trace.disable();
  metrics.disable();
  context.disable();
  propagation.disable();
});

it('a write in one region and its apply in another are one trace, carried by NATS', async () => {
  const [us, eu] = await Promise.all(
    ['us', 'eu'].map((region) =>
      regions.node(region, { telemetry: otelTelemetry({ region, node: `${region}-1` }) }),
    ),
  );
  await vi.waitFor(async () => expect((await eu!.node.read(items, { id: 1 })).tier).toBe('l1'), {
    timeout: 10_000,
  });
  const tracer = trace.getTracer('test');
  const traceId = await tracer.startActiveSpan('request', async (request) => {
    await us!.node.write((tx) => tx.query(`update items set value = 'new' where id = 1`));
    request.end();
    return request.spanContext().traceId;
  });
  const mine = (): string[] =>
    spans
      .getFinishedSpans()
      .filter((span) => span.spanContext().traceId === traceId)
      .map((span) => `${span.name} ${String(span.attributes['tidemark.region'] ?? '')}`.trim());
  await vi.waitFor(
    () =>
      expect(new Set(mine())).toEqual(
        new Set([
          'request',
          'tidemark.write us',
          'tidemark.publish us',
          'tidemark.apply us',
          'tidemark.apply eu',
        ]),
      ),
    { timeout: 10_000 },
  );
  const keys = spans.getFinishedSpans().flatMap((span) => Object.values(span.attributes).map(String));
  expect(keys.filter((value) => value.includes('item:'))).toEqual([]);

  await reader.forceFlush();
  const names = metricExporter
    .getMetrics()
    .at(-1)!
    .scopeMetrics.flatMap(({ metrics: scoped }) => scoped.map(({ descriptor }) => descriptor.name));
  for (const name of [
    'reads',
    'load.duration',
    'fills',
    'write.duration',
    'published',
    'applied',
    'propagation',
    'staleness_bound',
    'role',
  ]) {
    expect(names).toContain(`tidemark.${name}`);
  }
});
