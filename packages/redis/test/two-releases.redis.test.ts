import { keyspace, startNode, type Store, systemRuntime, type TidemarkNode } from '@tidemark/core';
import { type MemoryDb, memoryMesh, memorySource, type MemoryTx } from '@tidemark/memory';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { RedisHarness } from './redis-harness.ts';

const WAIT = { timeout: 20_000, interval: 10 };

/** A process of one release. */
interface Release {
  readonly node: TidemarkNode<MemoryTx>;
  /** Keys that it loaded. */
  readonly loaded: number[];
  /** Keys of each question that it put to the store. */
  readonly asked: (readonly string[])[];
  read(id: number): Promise<unknown>;
  readMany(ids: readonly number[]): Promise<readonly unknown[]>;
}

let redis: RedisHarness;
let namespace: string;
let source: ReturnType<typeof memorySource>;
let close: (() => Promise<void>)[];

beforeAll(async () => {
  redis = await RedisHarness.start();
});
afterAll(() => redis.close());
beforeEach(async () => {
  close = [];
  namespace = redis.namespace();
  source = memorySource({ runtime: systemRuntime });
  // The region's roles, which set the store up.
  const bus = memoryMesh({ runtime: systemRuntime, regions: ['us'] }).bus('us');
  const store = await redis.open({ namespace, commandTimeoutMs: 5_000 });
  const agent = await startNode({ keyspaces: [], store, source, bus, pingInterval: 50 });
  close.push(
    () => bus.close(),
    () => agent.close(),
  );
  await vi.waitFor(async () => expect((await store.read([])).meta).not.toBeNull(), WAIT);
});
afterEach(async () => {
  for (const each of close.toReversed()) await each();
  await source.close();
});

/** Without a bus, and so without an L1: every read asks Redis. */
async function release(schemaVersion: number, inlineBytesMax = 65_536): Promise<Release> {
  const loaded: number[] = [];
  const cities = keyspace({
    name: 'city',
    params: { id: 'int' },
    schemaVersion,
    ttl: '1h',
    load: async ({ id }, { db }: { readonly db: MemoryDb }) => {
      loaded.push(id);
      const row = await db.get<{ readonly n: number }>(`city:${id}`);
      return row && { [`shape ${schemaVersion}`]: row.n };
    },
  });
  const asked: (readonly string[])[] = [];
  const opened = await redis.open({ namespace, commandTimeoutMs: 5_000, inlineBytesMax });
  const store = new Proxy(opened, {
    get(target, name) {
      if (name === 'read')
        return (...question: Parameters<Store['read']>) => {
          asked.push(question[0]);
          return target.read(...question);
        };
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
  const node = await startNode<MemoryDb, MemoryTx>({ keyspaces: [cities], store, source });
  close.push(() => node.close());
  return {
    node,
    loaded,
    asked,
    read: (id) => node.get(cities, { id }),
    readMany: (ids) =>
      node.getMany(
        cities,
        ids.map((id) => ({ id })),
      ),
  };
}

async function write(by: Release, id: number, n: number): Promise<void> {
  await by.node.write((tx) => tx.set(`city:${id}`, { n }));
}

describe('a deploy that rolls', () => {
  it.each([
    ['in records', 65_536],
    ['in bodies', 0],
  ])(
    'each release loads a key once for every write, however they take turns; values %s',
    async (_, limit) => {
      const [old, next] = [await release(1, limit), await release(2, limit)];
      for (let n = 1; n <= 3; n += 1) {
        await write(n % 2 === 0 ? old : next, 7, n);
        for (let turn = 0; turn < 4; turn += 1) {
          expect(await next.read(7)).toEqual({ 'shape 2': n });
          expect(await old.read(7)).toEqual({ 'shape 1': n });
        }
        expect([old.loaded.length, next.loaded.length]).toEqual([n, n]);
      }
    },
  );

  it('keys of one command come from both places', async () => {
    const [old, next] = [await release(1), await release(2)];
    const ids = Array.from({ length: 40 }, (_, id) => id);
    await Promise.all(ids.map((id) => write(old, id, id)));
    await next.readMany(ids.filter((id) => id % 2 === 0));
    const shape1 = ids.map((id) => ({ 'shape 1': id }));
    expect(await old.readMany(ids)).toEqual(shape1);
    expect(await old.readMany(ids)).toEqual(shape1);
    expect(await next.readMany(ids)).toEqual(ids.map((id) => ({ 'shape 2': id })));
    expect(await old.readMany(ids)).toEqual(shape1);
    expect([old.loaded.length, next.loaded.length]).toEqual([40, 40]);
  });

  it('the newer release asks once, the older twice, however many keys', async () => {
    const [old, next] = [await release(1), await release(2)];
    const ids = [1, 2, 3];
    await Promise.all(ids.map((id) => write(old, id, id)));
    for (const each of [old, next]) await each.readMany(ids);
    for (const [each, questions] of [
      [old, 2],
      [next, 1],
    ] as const) {
      each.asked.length = 0;
      await each.readMany(ids);
      expect(each.asked.map((keys) => keys.length)).toEqual(Array.from({ length: questions }, () => 3));
      each.asked.length = 0;
      await each.read(1);
      expect(each.asked).toHaveLength(questions);
    }
    expect([old.loaded.length, next.loaded.length]).toEqual([3, 3]);
  });

  it('a stampede on a hot key after a write costs one load of each release', async () => {
    const all = await Promise.all([release(1), release(2), release(1), release(2)]);
    await write(all[0]!, 1, 1);
    await Promise.all(all.map(({ read }) => read(1)));
    await write(all[1]!, 1, 2);
    const before = all.map(({ loaded }) => loaded.length);
    const callers = all.flatMap((each, i) =>
      Array.from({ length: 50 }, async () =>
        expect(await each.read(1)).toEqual({ [`shape ${(i % 2) + 1}`]: 2 }),
      ),
    );
    await Promise.all(callers);
    const loads = all.map(({ loaded }, i) => loaded.length - before[i]!);
    expect([loads[0]! + loads[2]!, loads[1]! + loads[3]!]).toEqual([1, 1]);
  });

  it('of the third release, the oldest loads for itself, and nobody reads another one’s shape', async () => {
    const all = await Promise.all([release(1), release(2), release(3)]);
    await write(all[0]!, 1, 9);
    for (let turn = 0; turn < 3; turn += 1) {
      for (const [i, { read }] of all.entries()) expect(await read(1)).toEqual({ [`shape ${i + 1}`]: 9 });
    }
    expect(all[2]!.loaded).toHaveLength(1);
  });
});
