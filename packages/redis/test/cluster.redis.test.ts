import { type OpenStore, storeDifferential, storeSuite } from '@tidemark/conformance';
import { keyspace, partitionOf, startNode, StoreUnavailableError, systemRuntime } from '@tidemark/core';
import { type MemoryDb, memoryMesh, memorySource, type MemoryTx } from '@tidemark/memory';
import { holdReplication, type RedisClusterServers, startRedisCluster } from '@tidemark/testbed';
import { Cluster } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { redisClusterStore } from '../src/index.ts';
import { fillOf, START, version } from './redis-harness.ts';

const WAIT = { timeout: 20_000, interval: 25 };

let servers: RedisClusterServers;
let client: Cluster;
let spaces = 0;

beforeAll(async () => {
  servers = await startRedisCluster();
  client = new Cluster([...servers.urls]);
  client.on('error', () => {});
});
afterAll(async () => {
  client.disconnect();
  await servers.close();
});

const openWith =
  (own: { readonly inlineBytesMax?: number }): OpenStore =>
  async (options) => {
    const namespace = `space${(spaces += 1)}`;
    const store = await redisClusterStore({
      nodes: servers.urls,
      namespace,
      partitions: 5,
      commandTimeoutMs: 2_000,
      ...options,
      ...own,
    });
    return {
      store,
      naive: {
        get: (key) => client.get(`naive:${namespace}:${key}`),
        set: async (key, value) => void (await client.set(`naive:${namespace}:${key}`, value)),
        del: async (key) => void (await client.del(`naive:${namespace}:${key}`)),
      },
      clear: async () => {
        for (const server of client.nodes('master')) {
          for (const key of await server.keys(`${namespace}:*`)) await server.del(key);
        }
      },
      close: () => store.close(),
    };
  };

storeSuite('redis cluster', openWith({}));
storeDifferential('redis cluster', openWith({}));
storeDifferential('redis cluster, every value in a body', openWith({ inlineBytesMax: 0 }));

describe('redis cluster', () => {
  it('every partition has keys in one slot only, and they spread over all masters', async () => {
    const store = await redisClusterStore({ nodes: servers.urls, namespace: 'spread' });
    await store.initialise('life', START);
    await store.apply({
      invalidations: Array.from({ length: 200 }, (_, id) => ({ key: `city:${id}`, version: version(1) })),
      expect: null,
      mark: 'm',
      advance: { from: START, to: START },
    });
    const slots = new Map<string, Set<number>>();
    for (const [i, server] of client.nodes('master').entries()) {
      const keys = await server.keys('spread:*');
      expect(keys.length, `keys of master ${i}`).toBeGreaterThan(20);
      for (const key of keys) {
        const partition = /\{(.*?)\}/.exec(key)![1]!;
        const slot = (await client.cluster('KEYSLOT', key)) as number;
        slots.set(partition, (slots.get(partition) ?? new Set()).add(slot));
      }
    }
    expect([...slots.values()].map(({ size }) => size)).toEqual(Array.from({ length: 16 }, () => 1));
    await store.close();
  });

  it('processes that disagree on the number of partitions share nothing', async () => {
    const options = { nodes: servers.urls, namespace: 'disagree' };
    const many = await redisClusterStore({ ...options, partitions: 4 });
    const few = await redisClusterStore({ ...options, partitions: 2 });
    await many.initialise('life', START);
    expect((await many.read([])).meta).not.toBeNull();
    for (const partition of few.partitions) expect((await partition.read([])).meta).toBeNull();
    await Promise.all([many.close(), few.close()]);
  });

  it.each([{ nodes: [] }, { nodes: ['redis://127.0.0.1:1'], partitions: 0 }])(
    '%o is refused',
    async (options) => {
      await expect(redisClusterStore(options)).rejects.toMatchObject({ code: 'E_CONFIGURATION' });
    },
  );

  it('a cluster that is away: opens all the same, rejects in time, closes', async () => {
    const store = await redisClusterStore({ nodes: ['redis://127.0.0.1:1'], partitions: 2 });
    await expect(store.partitions[0]!.read(['city:1'])).rejects.toThrow(StoreUnavailableError);
    await store.close();
  });

  it('who waits for a lease is told of its end, on whichever master it is', async () => {
    const store = await redisClusterStore({ nodes: servers.urls, namespace: 'leases', partitions: 12 });
    const meta = await store.initialise('life', START);
    const keys = Array.from({ length: 60 }, (_, id) => `city:${id}`);
    const ended = new Set<string>();
    const stops = await Promise.all(keys.map((key) => store.watchLease!(key, () => ended.add(key))));
    for (const [i, key] of keys.entries()) {
      expect(await store.lease(key, 'me', 60_000)).toEqual({ granted: true });
      if (i % 3 === 0) await store.release(key, 'me');
      else if (i % 3 === 1) await store.fill(fillOf(meta, { key, lease: 'me' }));
      else await store.raise([{ key, version: version(2) }]);
    }
    await vi.waitFor(() => expect(ended.size).toBe(keys.length), WAIT);
    for (const stop of stops) stop();
    await store.close();
  });

  it('two processes that miss the same key load it once, and the one that waits asks next to never', async () => {
    const source = memorySource();
    const bus = memoryMesh({ runtime: systemRuntime, regions: ['us'] }).bus('us');
    let [loads, open] = [0, (): void => {}];
    const gate = new Promise<void>((resolve) => (open = resolve));
    const slow = keyspace<{ id: 'int' }, { n: number }, MemoryDb>({
      name: 'city',
      params: { id: 'int' },
      async load({ id }, { db }) {
        loads += 1;
        const row = await db.get<{ n: number }>(`city:${id}`);
        await gate;
        return row;
      },
    });
    const stores = await Promise.all(
      [1, 2].map(() => redisClusterStore({ nodes: servers.urls, namespace: 'told', partitions: 4 })),
    );
    const nodes = await Promise.all(
      stores.map((store, i) =>
        startNode<MemoryDb, MemoryTx>({
          keyspaces: [slow],
          store,
          source,
          leaseWait: '20s',
          ...(i === 0 && { bus, pingInterval: 50 }),
        }),
      ),
    );
    await nodes[0]!.write((tx) => tx.set('city:1', { n: 7 }));
    await vi.waitFor(async () => expect((await stores[1]!.read([])).meta).not.toBeNull(), WAIT);
    const asked = stores.map((store) => vi.spyOn(store.partitions[partitionOf('city:1', 4)]!, 'lease'));
    const beganMs = performance.now();
    const reads = nodes.map((node) => node.get(slow, { id: 1 }));
    await vi.waitFor(
      () => expect(Math.max(...asked.map((calls) => calls.mock.calls.length))).toBeGreaterThanOrEqual(4),
      WAIT,
    );
    // Refused, once more when it listened, and twice a quarter of a second later: one that is not told asks at once.
    expect(performance.now() - beganMs).toBeGreaterThan(450);
    open();
    expect(await Promise.all(reads)).toEqual([{ n: 7 }, { n: 7 }]);
    expect(loads).toBe(1);
    await Promise.all(nodes.map((node) => node.close()));
    await Promise.all(stores.map((store) => store.close()));
    await bus.close();
    await source.close();
  });

  it('getMany is one MGET for each partition, whatever the number of keys, and one batched load for the misses', async () => {
    const source = memorySource();
    const bus = memoryMesh({ runtime: systemRuntime, regions: ['us'] }).bus('us');
    const batches: number[] = [];
    const rows = keyspace<{ id: 'int' }, number, MemoryDb>({
      name: 'city',
      params: { id: 'int' },
      load: async ({ id }) => id,
      loadMany: async (all) => {
        batches.push(all.length);
        return all.map(({ id }) => id);
      },
    });
    const partitions = 6;
    const [one, two] = await Promise.all(
      [1, 2].map(() =>
        redisClusterStore({ nodes: servers.urls, namespace: 'many', partitions, commandTimeoutMs: 5_000 }),
      ),
    );
    const filler = await startNode<MemoryDb, MemoryTx>({ keyspaces: [rows], store: one!, source, bus });
    // Without a bus: no L1, and no roles that read now and then.
    const reader = await startNode<MemoryDb, MemoryTx>({ keyspaces: [rows], store: two!, source });
    await vi.waitFor(async () => expect((await two!.read([])).meta).not.toBeNull(), WAIT);
    const ids = Array.from({ length: 100 }, (_, id) => ({ id }));
    const values = ids.map(({ id }) => id);
    expect(await filler.getMany(rows, ids)).toEqual(values);
    expect(batches).toEqual([100]);
    await filler.close();
    const mgets = async (): Promise<number> => {
      const calls = client
        .nodes('master')
        .map(async (each) =>
          Number(/cmdstat_mget:calls=(\d+)/.exec(await each.info('commandstats'))?.[1] ?? 0),
        );
      return (await Promise.all(calls)).reduce((a, b) => a + b);
    };
    const before = await mgets();
    expect(await reader.getMany(rows, ids)).toEqual(values);
    expect((await mgets()) - before).toBe(partitions);
    expect(reader.stats()).toMatchObject({ l2Hits: 100, loads: 0 });
    await reader.close();
    await Promise.all([one!.close(), two!.close()]);
    await bus.close();
    await source.close();
  });

  it('a shard whose master dies: the others go on, its replica comes back with what it had', async () => {
    const store = await redisClusterStore({ nodes: servers.urls, namespace: 'failover', partitions: 8 });
    const meta = await store.initialise('life', START);
    const keys = Array.from({ length: 64 }, (_, id) => `city:${id}`);
    for (const key of keys) await store.fill(fillOf(meta, { key }));
    const { master } = servers.shards[0]!;
    const owned = new Set(
      (
        await client
          .nodes('master')
          .find(({ options }) => options.port === master.port)!
          .keys('failover:*')
      ).map((key) => Number(/\{(\d+)/.exec(key)![1])),
    );
    expect(owned.size).toBeGreaterThan(0);
    expect(owned.size).toBeLessThan(8);
    await client.call('WAIT', ['1', '1000']).catch(() => {});
    const lost = keys.find((key) => owned.has(partitionOf(key, 8)))!;
    await holdReplication(master);
    await store.raise([{ key: lost, version: version(2) }]);
    await master.kill();
    for (const key of keys) {
      const partition = partitionOf(key, 8);
      const answer = store.partitions[partition]!.read([key]);
      if (owned.has(partition)) await expect(answer).rejects.toThrow(StoreUnavailableError);
      else expect((await answer).records[0]!.value).not.toBeNull();
    }
    await vi.waitFor(async () => {
      const answer = await store.partitions[partitionOf(lost, 8)]!.read([lost]);
      expect(answer.records[0]!.tidemark).toEqual(version(1));
    }, WAIT);
    // The new master tells as the old one did.
    let ended = 0;
    await vi.waitFor(() => store.watchLease!(lost, () => (ended += 1)), WAIT);
    await store.lease(lost, 'me', 60_000);
    await store.release(lost, 'me');
    await vi.waitFor(() => expect(ended).toBeGreaterThan(0), WAIT);
    await store.close();
  });
});
