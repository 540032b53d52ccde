import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { LoadTimeoutError, type SpanAttributes, type SpanName, StoreUnavailableError } from '@tidemark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { hashKey, type OtelOptions, otelTelemetry } from '../src/index.ts';

const KEY = 'user:alice%40example.org';
let exporter: InMemorySpanExporter;
let provider: BasicTracerProvider;

beforeEach(() => {
  exporter = new InMemorySpanExporter();
  provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
});

async function spanOf(
  name: SpanName,
  attributes: SpanAttributes,
  error: unknown = null,
  options: Partial<OtelOptions> = {},
): Promise<ReadableSpan> {
  const telemetry = otelTelemetry({
    region: 'eu',
    node: 'eu-1',
    tracer: provider.getTracer('test'),
    ...options,
  });
  const work = error === null ? Promise.resolve() : Promise.reject(error);
  await telemetry.trace(name, attributes, undefined, () => work).catch(() => {});
  return exporter.getFinishedSpans().at(-1)!;
}

describe('names and attributes follow the conventions', () => {
  it.each([
    ['tidemark.load', { 'tidemark.keyspace': 'user' }, 'load user', SpanKind.CLIENT],
    ['tidemark.fill', { 'tidemark.keyspace': 'user' }, 'fill user', SpanKind.CLIENT],
    ['tidemark.bump', {}, 'commit', SpanKind.CLIENT],
    ['tidemark.raise', {}, 'raise', SpanKind.CLIENT],
  ] as const)('a call of a database: %s', async (name, about, expected, kind) => {
    const span = await spanOf(name, about);
    const operation = expected.split(' ')[0];
    expect([span.name, span.kind]).toEqual([expected, kind]);
    expect(span.attributes).toMatchObject({
      'db.system.name': name === 'tidemark.load' || name === 'tidemark.bump' ? 'postgresql' : 'redis',
      'db.operation.name': operation,
      'db.query.summary': expected,
    });
  });

  it.each([
    ['tidemark.publish', 'publish eu', 'send', SpanKind.PRODUCER],
    ['tidemark.relay', 'relay eu', 'send', SpanKind.PRODUCER],
    ['tidemark.barrier', 'barrier eu', 'send', SpanKind.PRODUCER],
    ['tidemark.apply', 'apply us', 'process', SpanKind.CONSUMER],
  ] as const)('a message: %s', async (name, expected, type, kind) => {
    const span = await spanOf(name, name === 'tidemark.apply' ? { 'tidemark.from': 'us' } : {});
    const [operation, stream] = expected.split(' ');
    expect([span.name, span.kind]).toEqual([expected, kind]);
    expect(span.attributes).toMatchObject({
      'messaging.system': 'nats',
      'messaging.operation.type': type,
      'messaging.operation.name': operation,
      'messaging.destination.name': stream,
    });
  });

  it("the engine's own work keeps its name", async () => {
    const span = await spanOf('tidemark.lease_wait', { 'tidemark.keyspace': 'user' });
    expect([span.name, span.kind]).toEqual(['tidemark.lease_wait', SpanKind.INTERNAL]);
  });

  it('other parts than Redis, Postgres and NATS are called by their names', async () => {
    const systems = { store: 'memory', source: 'mysql', bus: 'kafka' };
    expect((await spanOf('tidemark.load', {}, null, { systems })).attributes['db.system.name']).toBe('mysql');
    expect((await spanOf('tidemark.relay', {}, null, { systems })).attributes['messaging.system']).toBe(
      'kafka',
    );
  });
});

describe('a failure', () => {
  it('has its code as error.type, its message, and the status', async () => {
    const span = await spanOf('tidemark.fill', {}, new StoreUnavailableError('Redis is away'));
    expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message: 'Redis is away' });
    expect(span.attributes['error.type']).toBe('E_STORE_UNAVAILABLE');
    expect(span.events[0]!.attributes).toMatchObject({
      'exception.type': 'E_STORE_UNAVAILABLE',
      'exception.message': 'Redis is away',
    });
    expect((await spanOf('tidemark.load', {}, new TypeError('x'))).attributes['error.type']).toBe(
      'TypeError',
    );
    expect((await spanOf('tidemark.load', {}, 'thrown as text')).status.message).toBe('thrown as text');
  });

  it.each([
    ['hash', `#${hashKey(KEY)}`],
    ['none', 'a key'],
    ['plain', KEY],
  ] as const)('shows keys as %s in no plainer way than attributes do', async (keysInSpans, shown) => {
    const cause = new LoadTimeoutError(KEY, 100);
    const error = Object.assign(new Error(`it failed: ${cause.message}`, { cause }), { code: 'E_X' });
    const span = await spanOf('tidemark.load', { 'tidemark.keyspace': 'user' }, error, { keysInSpans });
    expect(span.status.message).toBe(`it failed: ${cause.message}`.replace(KEY, shown));
    const all = JSON.stringify([span.name, span.attributes, span.status, span.events]);
    expect(all.includes(KEY)).toBe(keysInSpans === 'plain');
  });

  it('a reason does not quote what was received', async () => {
    const reason = `a message was not handled: an invalidation of "${KEY}" has no version`;
    const span = await spanOf('tidemark.resync', { 'tidemark.reason': reason });
    expect(span.attributes['tidemark.reason']).toBe('a message was not handled');
  });
});
