import { setTimeout as sleep } from 'node:timers/promises';
import { compressed, messagePackCodec } from '@tidemark/codecs';
import {
  type Codec,
  keyspace,
  type LoadContext,
  type NodeOptions,
  startNode,
  systemRuntime,
  type TidemarkNode,
} from '@tidemark/core';
import { type MemoryDb, memoryMesh, memorySource, type MemoryTx } from '@tidemark/memory';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RedisStore } from '../src/index.ts';
import { RedisHarness } from './redis-harness.ts';

const WAIT = { timeout: 20_000, interval: 10 };
/** What a busy machine may add to any wait. */
const BUSY_MS = 3_000;

type Context = LoadContext<MemoryDb>;
type Options = Partial<NodeOptions<MemoryDb, MemoryTx>>;

let redis: RedisHarness;
let namespace: string;
let close: (() => Promise<void>)[];
let source: ReturnType<typeof memorySource>;
let mesh: ReturnType<typeof memoryMesh>;
let store: RedisStore;

beforeAll(async () => {
  redis = await RedisHarness.start();
});
afterAll(() => redis.close());
beforeEach(async () => {
  close = [];
  namespace = redis.namespace();
  source = memorySource({ runtime: systemRuntime });
  mesh = memoryMesh({ runtime: systemRuntime, regions: ['us'] });
  store = await redis.open({ namespace, commandTimeoutMs: 5_000 });
});
afterEach(async () => {
  for (const each of close.toReversed()) await each();
  await source.close();
});

/** A process of the region; with the bus it has the roles and an L1, without it every read asks Redis. */
async function join(
  keyspaces: NodeOptions['keyspaces'],
  options: Options = {},
): Promise<TidemarkNode<MemoryTx>> {
  const own = await redis.open({ namespace, commandTimeoutMs: 5_000 });
  const node = await startNode<MemoryDb, MemoryTx>({ keyspaces, store: own, source, ...options });
  close.push(() => node.close());
  return node;
}

async function withRoles(
  keyspaces: NodeOptions['keyspaces'],
  options: Options = {},
): Promise<TidemarkNode<MemoryTx>> {
  const node = await join(keyspaces, { bus: mesh.bus('us'), pingInterval: 50, ...options });
  await vi.waitFor(async () => expect((await store.read([])).meta).not.toBeNull(), WAIT);
  return node;
}

describe('values in Redis', () => {
  const made = {
    at: new Date(1_700_000_000_000),
    tags: new Map([['a', new Set([1, 2])]]),
    big: 2n ** 70n,
    bytes: new Uint8Array([1, 2, 250]),
    text: 'lorem ipsum '.repeat(200),
  };
  const rows = keyspace({ name: 'row', params: { id: 'int' }, load: async () => made });

  it.each<[string, Codec, number]>([
    ['MessagePack', messagePackCodec(), 0xc1],
    ['MessagePack, compressed above 1 KB', compressed(messagePackCodec(), { aboveBytes: 1_024 }), 0xfe],
  ])('of %s survive with all their types, for every process', async (_, codec, firstByte) => {
    const [writer, reader] = [await withRoles([rows], { codec }), await join([rows], { codec })];
    await vi.waitFor(async () => {
      await writer.get(rows, { id: 1 });
      expect((await reader.read(rows, { id: 1 })).tier).toBe('l2');
    }, WAIT);
    const value = await reader.get(rows, { id: 1 });
    expect(value).toEqual(made);
    expect([value!.at instanceof Date, value!.tags.get('a') instanceof Set]).toEqual([true, true]);
    const { data } = (await store.read([rows.key({ id: 1 })])).records[0]!.value!;
    expect(data![0]).toBe(firstByte);
    expect(data!.byteLength < 1_024).toBe(firstByte === 0xfe);
  });

  it('of two schema versions side by side: each release reads its own shape, and no error', async () => {
    const shaped = (schemaVersion: number) =>
      keyspace({
        name: 'row',
        params: { id: 'int' },
        schemaVersion,
        load: async () => ({ shape: schemaVersion }),
      });
    const [older, newer] = [shaped(1), shaped(2)];
    const [before, after] = [await withRoles([older]), await join([newer])];
    for (let turn = 0; turn < 3; turn += 1) {
      expect(await before.get(older, { id: 1 })).toEqual({ shape: 1 });
      expect(await after.get(newer, { id: 1 })).toEqual({ shape: 2 });
    }
    expect([before.stats().storeErrors, after.stats().storeErrors]).toEqual([0, 0]);
  });
});

describe('absence in Redis', () => {
  const rows = keyspace({
    name: 'row',
    params: { id: 'int' },
    negativeTtl: '1h',
    load: async ({ id }, { db }: Context) => (await db.get<{ n: number }>(`row:${id}`)) ?? null,
  });

  it('is cached under a version: an insert ends it, a load from before the insert does not bring it back', async () => {
    let [gate, open] = [Promise.resolve(), (): void => {}];
    const slow = keyspace({
      name: 'row',
      params: { id: 'int' },
      negativeTtl: '1h',
      async load({ id }, { db }: Context) {
        const row = (await db.get<{ n: number }>(`row:${id}`)) ?? null;
        await gate;
        return row;
      },
    });
    const [writer, reader] = [await withRoles([rows]), await join([rows])];
    expect(await writer.get(rows, { id: 1 })).toBeNull();
    await vi.waitFor(async () =>
      expect(await reader.read(rows, { id: 1 })).toMatchObject({ value: null, tier: 'l2' }),
    );
    await writer.write((tx) => tx.set('row:1', { n: 1 }));
    expect(await reader.get(rows, { id: 1 })).toEqual({ n: 1 });

    const late = await join([slow], { leaseWait: '10ms' });
    gate = new Promise((resolve) => (open = resolve));
    const absent = late.get(slow, { id: 2 });
    await vi.waitFor(() => expect(late.stats().loads).toBe(1), WAIT);
    await writer.write((tx) => tx.set('row:2', { n: 2 }));
    open();
    expect(await absent).toBeNull(); // What it read, when it read.
    expect(late.stats().fillsRefused).toBe(1);
    expect(await reader.get(rows, { id: 2 })).toEqual({ n: 2 });
  });
});

describe('who waits for a lease', () => {
  const rows = keyspace({ name: 'row', params: { id: 'int' }, load: async ({ id }) => id });

  it.each([200, 700])(
    'of a process that died waits for %d ms, as configured, then loads',
    async (leaseWait) => {
      await withRoles([rows]);
      const node = await join([rows], { leaseWait });
      expect(await store.lease(rows.key({ id: 9 }), 'who was killed', 60_000)).toEqual({ granted: true });
      const beganMs = performance.now();
      expect(await node.get(rows, { id: 9 })).toBe(9);
      const tookMs = performance.now() - beganMs;
      expect(tookMs).toBeGreaterThanOrEqual(leaseWait - 5);
      expect(tookMs).toBeLessThan(leaseWait + BUSY_MS);
      // It found no lease that it could give back.
      expect(await store.lease(rows.key({ id: 9 }), 'somebody', 60_000)).toEqual({ granted: false });
    },
  );
});

describe('a Redis that comes back empty', () => {
  it('meets no herd: a thousand readers of each process and key cause one load for the region', async () => {
    let loads = 0;
    const rows = keyspace({
      name: 'row',
      params: { id: 'int' },
      async load({ id }) {
        loads += 1;
        await sleep(50);
        return id;
      },
    });
    const storeBreaker = { failures: 3, resetAfter: 100 };
    const roles = await withRoles([rows], { storeBreaker });
    const nodes = [await join([rows], { storeBreaker }), await join([rows], { storeBreaker })];
    const ids = [1, 2, 3];
    const all = (): Promise<unknown> =>
      Promise.all(
        nodes.flatMap((node) =>
          ids.flatMap((id) => Array.from({ length: 1_000 }, () => node.get(rows, { id }))),
        ),
      );
    await redis.server.stop();
    loads = 0;
    await all();
    // Nothing is shared now; each process loads each key once.
    expect(loads).toBe(nodes.length * ids.length);
    await redis.server.start();
    for (const node of [roles, ...nodes])
      await vi.waitFor(async () => expect((await node.read(rows, { id: 99 })).tier).not.toBe('source'), WAIT);
    loads = 0;
    await all();
    expect(loads).toBe(ids.length);
  });
});

describe('hot keys', () => {
  const rows = keyspace({ name: 'row', params: { id: 'int' }, ttl: '1h', load: async ({ id }) => id });

  it('of all processes are added up in Redis, and the last words of one that left count', async () => {
    const [one, two] = [await withRoles([rows]), await join([rows])];
    for (let i = 0; i < 30; i += 1) {
      await one.get(rows, { id: 1 });
      await two.get(rows, { id: 1 });
      await two.get(rows, { id: 2 });
    }
    await two.close();
    const hot = await one.regionHotKeys(2);
    expect(hot.map(({ key }) => key)).toEqual(['row:1', 'row:2']);
    expect(hot[0]!.reads).toBeGreaterThan(50);
    expect(hot[1]!.reads).toBeGreaterThan(25);
  });

  it('are reloaded before their TTL ends though nobody reads them, within a budget', async () => {
    const loaded: number[] = [];
    const short = keyspace({
      name: 'row',
      params: { id: 'int' },
      ttl: '30s',
      earlyRefresh: false,
      load: async ({ id }) => (loaded.push(id), id),
    });
    const node = await withRoles([short], { refreshAhead: { ahead: '30s', keysMax: 20, perSecondMax: 2 } });
    await vi.waitFor(async () => expect((await node.read(short, { id: 1 })).tier).toBe('l1'), WAIT);
    for (let id = 1; id <= 10; id += 1) for (let i = 0; i < 20; i += 1) await node.get(short, { id });
    loaded.length = 0;
    const beganMs = performance.now();
    await vi.waitFor(() => expect(loaded.length).toBeGreaterThanOrEqual(4), WAIT);
    const turns = Math.ceil((performance.now() - beganMs) / 1_000) + 1;
    expect(loaded.length).toBeLessThanOrEqual(2 * turns);
    expect(node.peek(short, { id: loaded[0]! })).toBe(loaded[0]);
  });
});
