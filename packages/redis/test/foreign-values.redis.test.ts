import {
  type Codec,
  type EngineEvent,
  jsonCodec,
  keyspace,
  noTelemetry,
  startNode,
  systemRuntime,
  type TidemarkNode,
} from '@tidemark/core';
import { type MemoryDb, memoryMesh, memorySource, type MemoryTx } from '@tidemark/memory';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { type RedisStore } from '../src/index.ts';
import { SOON } from './node-harness.ts';
import { RedisHarness } from './redis-harness.ts';

const HEADER_LENGTH = 88;
const SCHEMA_AT = 76;
const KEY = 'city:1';

interface City {
  readonly n: number;
}

/** Accepts cities, and nothing else that may be decoded. */
const City = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value: unknown) =>
      typeof (value as City | null)?.n === 'number'
        ? { value: value as City }
        : { issues: [{ message: 'no city' }] },
  },
} as const;

let loads = 0;
const cities = keyspace({
  name: 'city',
  params: { id: 'int' },
  schema: City,
  ttl: '1h',
  load: async ({ id }, { db }: { readonly db: MemoryDb }): Promise<City | null> => {
    loads += 1;
    return (await db.get<City>(`city:${id}`)) ?? null;
  },
});

let redis: RedisHarness;
let store: RedisStore;
let redisKey: string;
let unreadable: string[];
let events: EngineEvent[];
let writer: TidemarkNode<MemoryTx>;
/** Without a bus: no L1, so that every read asks Redis. */
let reader: TidemarkNode<MemoryTx>;
let close: () => Promise<void>;

beforeAll(async () => {
  redis = await RedisHarness.start();
});
afterAll(() => redis.close());
beforeEach(async () => {
  loads = 0;
  unreadable = [];
  events = [];
  const namespace = redis.namespace();
  redisKey = `${namespace}:{${KEY}}`;
  store = await redis.open({ namespace, onUnreadable: (key) => unreadable.push(key) });
  const source = memorySource({ runtime: systemRuntime });
  const bus = memoryMesh({ runtime: systemRuntime, regions: ['us'] }).bus('us');
  const telemetry = { ...noTelemetry, record: (event: EngineEvent) => void events.push(event) };
  const parts = { keyspaces: [cities], store, source };
  writer = await startNode<MemoryDb, MemoryTx>({ ...parts, bus, pingInterval: 50 });
  reader = await startNode<MemoryDb, MemoryTx>({ ...parts, telemetry });
  close = async () => {
    await Promise.all([reader.close(), writer.close()]);
    await bus.close();
    await source.close();
  };
  await writer.write((tx) => tx.set(KEY, { n: 7 }));
  // The store is up, and answers the reader.
  await vi.waitFor(async () => expect((await reader.read(cities, { id: 1 })).tier).toBe('l2'), SOON);
  events.length = 0;
});
afterEach(() => close());

const other: Codec = { ...jsonCodec, encode: () => Buffer.from([0xc1, 1, 0x81, 0xa1, 0x6e, 7]) };

/** The record as it is, with other bytes for its value. */
async function withValue(bytes: Uint8Array): Promise<Buffer> {
  const record = (await redis.client.getBuffer(redisKey))!;
  return Buffer.concat([record.subarray(0, HEADER_LENGTH), bytes]);
}

interface Case {
  readonly name: string;
  readonly plant: () => Promise<Buffer>;
  /** Who notices it: the codec or the schema (`decode`), the store, or nobody, since it is as it should be. */
  readonly noticed: 'decode' | 'store' | 'nobody';
  readonly why: string;
}

const CASES: readonly Case[] = [
  {
    name: 'a value of another codec',
    plant: () => withValue(other.encode(null)),
    noticed: 'decode',
    why: 'schema',
  },
  {
    name: 'a value that is cut short',
    plant: async () => (await redis.client.getBuffer(redisKey))!.subarray(0, -1),
    noticed: 'decode',
    why: 'schema',
  },
  { name: 'no value at all', plant: () => withValue(Buffer.alloc(0)), noticed: 'decode', why: 'schema' },
  {
    name: 'a value that the schema refuses',
    plant: () => withValue(Buffer.from('{"m":7}')),
    noticed: 'decode',
    why: 'schema',
  },
  {
    name: 'a value that would change prototypes',
    plant: () => withValue(Buffer.from('@[["__proto__","n"]]\n{"n":"1970-01-01T00:00:00.000Z"}')),
    noticed: 'decode',
    why: 'schema',
  },
  {
    name: 'a value of another schema version, which is as it should be',
    async plant() {
      const record = await withValue(Buffer.from('{"old":1}'));
      record.writeDoubleBE(2, SCHEMA_AT);
      return record;
    },
    noticed: 'nobody',
    why: 'schema',
  },
  {
    name: 'a record whose head is cut short',
    plant: async () => (await redis.client.getBuffer(redisKey))!.subarray(0, HEADER_LENGTH - 1),
    noticed: 'store',
    why: 'absent',
  },
  {
    name: 'what another program set behind our back',
    plant: async () => Buffer.from('{"n":666}'),
    noticed: 'store',
    why: 'absent',
  },
];

it.each(CASES)('$name: never served, counted, and loaded anew', async ({ plant, noticed, why }) => {
  await redis.client.set(redisKey, await plant(), 'PX', 60_000);
  const before = { loads, errors: reader.stats().storeErrors };
  expect(await reader.read(cities, { id: 1 })).toMatchObject({ value: { n: 7 }, tier: 'source', why });
  expect(loads).toBe(before.loads + 1);
  expect(reader.stats().storeErrors - before.errors).toBe(noticed === 'decode' ? 1 : 0);
  expect(events.filter((event) => event.type === 'store-error')).toMatchObject(
    noticed === 'decode'
      ? [{ operation: 'decode', error: { code: expect.stringMatching(/^E_(FORMAT|SCHEMA)$/) as string } }]
      : [],
  );
  // Who is given the lease looks once more.
  expect([...new Set(unreadable)]).toEqual(noticed === 'store' ? [redisKey] : []);
  // The load's fill replaced it, so that the next reader finds what it should.
  expect(await reader.read(cities, { id: 1 })).toMatchObject({ value: { n: 7 }, tier: 'l2' });
  expect(loads).toBe(before.loads + 1);
});
