import { type Meter, metrics } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { keyspace, type NodeGauges, startNode, type Telemetry } from '@tidemark/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { otelTelemetry } from '../src/index.ts';

const IDENTITY = { region: 'eu', node: 'eu-1' };
const rows = keyspace({ name: 'row', params: { id: 'int' }, load: async ({ id }) => ({ id }) });
let exporter: InMemoryMetricExporter;
let provider: MeterProvider;
let meter: Meter;

beforeEach(() => {
  exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  provider = new MeterProvider({ readers: [reader] });
  meter = provider.getMeter('test');
});
afterEach(async () => {
  await provider.shutdown();
  metrics.disable();
});

/** Series of a metric: its value by its labels without region and node. */
async function series(name: string): Promise<Record<string, unknown>> {
  exporter.reset();
  await provider.forceFlush();
  const all = exporter
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
  const points = all.find(({ descriptor }) => descriptor.name === `tidemark.${name}`)?.dataPoints ?? [];
  return Object.fromEntries(
    points.map(({ attributes, value }) => {
      const { 'tidemark.region': region, 'tidemark.node': node, ...labels } = attributes;
      expect([region, node]).toEqual(['eu', 'eu-1']);
      return [Object.values(labels).join(' '), value];
    }),
  );
}

describe('without an SDK', () => {
  it('reads do not call it', async () => {
    const telemetry = otelTelemetry(IDENTITY);
    expect(telemetry.records).toBe(false);
    const record = vi.fn<Telemetry['record']>();
    const node = await startNode({ keyspaces: [rows], telemetry: { ...telemetry, record } });
    for (let i = 0; i < 5; i += 1) await node.get(rows, { id: 1 });
    expect(node.peek(rows, { id: 1 })).toEqual({ id: 1 });
    expect(record.mock.calls.filter(([{ type }]) => type === 'read')).toEqual([]);
    await node.close();
  });
});

describe('with an SDK', () => {
  it('every read is counted once, by tier and reason, hits of L1 too', async () => {
    const node = await startNode({ keyspaces: [rows], telemetry: otelTelemetry({ ...IDENTITY, meter }) });
    for (let i = 0; i < 10; i += 1) await node.get(rows, { id: 1 });
    for (let i = 0; i < 5; i += 1) node.peek(rows, { id: 1 });
    await node.getMany(rows, [{ id: 1 }, { id: 2 }]);
    const { reads } = node.stats();
    const counted = await series('reads');
    expect(counted['row l1 fresh']).toBe(15);
    expect(Object.values(counted).reduce((sum: number, each) => sum + Number(each), 0)).toBe(reads);
    await node.close();
  });

  it('values past their TTL are counted by reason, whichever tier served them', async () => {
    const { record } = otelTelemetry({ ...IDENTITY, meter });
    for (const tier of ['l1', 'l2'] as const) record({ type: 'read', keyspace: 'row', tier, why: 'stale' });
    record({ type: 'read', keyspace: 'row', tier: 'l1', why: 'stale-if-error' });
    record({ type: 'read', keyspace: 'row', tier: 'l1', why: 'fresh' });
    expect(await series('stale_serves')).toEqual({ 'row stale': 2, 'row stale-if-error': 1 });
  });

  it('a hostile reason chooses no label', async () => {
    const { record } = otelTelemetry({ ...IDENTITY, meter });
    for (let i = 0; i < 50; i += 1) {
      record({ type: 'bad-message', from: 'us', reason: `hostile ${i}` });
      record({ type: 'gap', from: 'us', reason: `a message was not handled: hostile ${i}` });
    }
    expect(await series('bad_messages')).toEqual({ '': 0, us: 50 });
    expect(await series('gaps')).toEqual({ '': 0, 'us a message was not handled': 50 });
  });

  it('a node is looked at when metrics are collected, and not after it has closed', async () => {
    let gauges: NodeGauges = {
      stalenessBoundMs: Number.POSITIVE_INFINITY,
      l1Entries: 1,
      l1Bytes: 2,
      l1Evictions: 3,
      loadsWaiting: 4,
    };
    const stop = otelTelemetry({ ...IDENTITY, meter }).observe!(() => gauges);
    // What nothing proves must not look proven: neither missing nor a number that a backend drops.
    expect(await series('staleness_bound')).toEqual({ '': 1e9 });
    gauges = { ...gauges, stalenessBoundMs: 250 };
    expect(await series('staleness_bound')).toEqual({ '': 0.25 });
    expect(await series('l1.entries')).toEqual({ '': 1 });
    expect(await series('l1.size')).toEqual({ '': 2 });
    expect(await series('l1.evictions')).toEqual({ '': 3 });
    expect(await series('load.waiting')).toEqual({ '': 4 });
    stop();
    gauges = { ...gauges, stalenessBoundMs: 500 };
    // The SDK repeats what it saw last.
    expect(await series('staleness_bound')).toEqual({ '': 0.25 });
  });

  it("the horizon's age grows while nobody moves it, at a former applier too", async () => {
    const { record } = otelTelemetry({ ...IDENTITY, meter });
    expect(await series('horizon.age')).toEqual({});
    record({ type: 'horizon', atMs: Date.now() - 60_000 });
    const { '': age } = await series('horizon.age');
    expect(age).toBeGreaterThanOrEqual(60);
    expect(age).toBeLessThan(120);
    record({ type: 'role', role: 'applier', leading: false });
    record({ type: 'horizon', atMs: Date.now() - 120_000 });
    expect((await series('horizon.age'))['']).toBeGreaterThanOrEqual(120);
  });

  it('a circuit is open until it closes', async () => {
    const { record } = otelTelemetry({ ...IDENTITY, meter });
    const turn = (open: boolean): void => record({ type: 'breaker', of: 'store', name: '0', open });
    turn(true);
    expect(await series('breaker.open')).toEqual({ 'store 0': 1 });
    turn(false);
    expect(await series('breaker.open')).toEqual({ 'store 0': 0 });
    expect(await series('breaker.turns')).toEqual({ '': 0, 'store 0 true': 1, 'store 0 false': 1 });
  });
});
