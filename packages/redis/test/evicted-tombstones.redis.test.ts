import { keyspace, startNode, systemRuntime, type TidemarkNode } from '@tidemark/core';
import { type MemoryDb, memoryMesh, memorySource, type MemoryTx } from '@tidemark/memory';
import { startRedis } from '@tidemark/testbed';
import { Redis } from 'ioredis';
import { expect, it, onTestFinished, vi } from 'vitest';
import { redisStore } from '../src/index.ts';

const SOON = { timeout: 20_000, interval: 5 };
const KEY = 'city:1';

/** A door that loads wait behind, once it is shut. */
class Door {
  #opened: Promise<void> = Promise.resolve();
  open: () => void = () => {};
  waiting = 0;

  shut(): void {
    this.#opened = new Promise((resolve) => (this.open = resolve));
  }

  async pass(): Promise<void> {
    this.waiting += 1;
    await this.#opened;
    this.waiting -= 1;
  }
}

it('a load that was overtaken fills nothing, though the tombstone was evicted before it ended', async () => {
  const redis = await startRedis();
  const admin = new Redis(redis.url);
  const source = memorySource();
  const mesh = memoryMesh({ runtime: systemRuntime, regions: ['us'] });
  const bus = mesh.bus('us');
  const door = new Door();
  const proofs: string[] = [];
  const cities = (slow: boolean) =>
    keyspace({
      name: 'city',
      params: { id: 'int' },
      load: async ({ id }, { db }: { readonly db: MemoryDb }) => {
        const value = await db.get<string>(`city:${id}`);
        if (slow) await door.pass();
        return value;
      },
    });
  const join = async (
    keyspaces: ReturnType<typeof cities>[],
    telling?: string[],
  ): Promise<TidemarkNode<MemoryTx>> => {
    const store = await redisStore({ url: redis.url, commandTimeoutMs: 5_000 });
    const node = await startNode<MemoryDb, MemoryTx>({
      keyspaces,
      store,
      source,
      bus,
      pingInterval: 50,
      ...(telling && {
        telemetry: {
          trace: (_name, _attributes, _origin, work) => work({ set: () => {}, end: () => {} }),
          inject: () => undefined,
          record: (event) => {
            if (event.type === 'staleness-bound' && event.scope === 'node') telling.push(event.scope);
            if (event.type === 'fill') telling.push(event.verdict);
          },
        },
      }),
    });
    onTestFinished(async () => {
      await node.close();
      await store.close();
    });
    return node;
  };
  onTestFinished(async () => {
    await bus.close();
    await source.close();
    admin.disconnect();
    await redis.close();
  });
  const [quick, slow] = [cities(false), cities(true)];
  const writer = await join([quick]);
  const loader = await join([slow], proofs);
  const reader = await join([quick]);
  await writer.write((tx) => tx.set(KEY, 'old'));
  await vi.waitFor(() => expect(loader.stats().stalenessBoundMs).toBeLessThan(5_000), SOON);

  door.shut();
  const loading = loader.get(slow, { id: 1 });
  await vi.waitFor(() => expect(door.waiting).toBe(1), SOON);
  await writer.write((tx) => tx.set(KEY, 'new'));
  // The loader hears of it, and of claims that cover it: what guards its L1 would be forgotten by then.
  const heard = proofs.length;
  await vi.waitFor(() => expect(proofs.length).toBeGreaterThanOrEqual(heard + 4), SOON);
  // As if it had been evicted.
  const [record] = (await admin.keys('tidemark:{city:1}*')).filter((name) => !name.endsWith(':lease'));
  expect(await admin.del(record!)).toBe(1);
  door.open();
  // It began before the write.
  expect(await loading).toBe('old');
  expect(proofs.filter((told) => told === 'admitted')).toEqual([]);

  expect(await reader.get(quick, { id: 1 })).toBe('new');
  expect(await loader.get(slow, { id: 1 })).toBe('new');
}, 60_000);

it('as it is deployed, Redis evicts values before fresh tombstones', async () => {
  const redis = await startRedis({ args: ['--maxmemory', '8mb'] });
  const client = new Redis(redis.url);
  onTestFinished(async () => {
    client.disconnect();
    await redis.close();
  });
  const value = Buffer.alloc(1_000);
  let filled = 0;
  const fill = async (count: number): Promise<void> => {
    const pipeline = client.pipeline();
    for (let i = 0; i < count; i += 1) pipeline.set(`value:${(filled += 1)}`, value, 'PX', 3_600_000);
    await pipeline.exec();
  };
  await fill(10_000);
  // Its clock of uses has a resolution of a second.
  await vi.waitFor(
    async () => expect(await client.object('IDLETIME', `value:${filled}`)).toBeGreaterThan(1),
    SOON,
  );
  const store = await redisStore({ url: redis.url });
  onTestFinished(() => store.close());
  await store.initialise('life', { era: 1, xid: 1 });
  const keys: string[] = [];
  for (let batch = 0; batch < 40; batch += 1) {
    const raised = Array.from({ length: 10 }, (_, i) => `city:${batch * 10 + i}`);
    await store.raise(raised.map((key) => ({ key, version: { era: 1, n: 1 } })));
    keys.push(...raised);
    await fill(20);
  }
  const evicted = Number(/evicted_keys:(\d+)/.exec(await client.info('stats'))?.[1]);
  expect(evicted).toBeGreaterThan(1_000);
  const there = await client.exists(...keys.map((key) => `tidemark:{${key}}`));
  expect(there).toBeGreaterThanOrEqual(keys.length * 0.99);
}, 60_000);
