import { type OpenStore, storeDifferential, storeSuite } from '@tidemark/conformance';
import { StoreUnavailableError } from '@tidemark/core';
import { type Server, startRedis } from '@tidemark/testbed';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { redisStore } from '../src/index.ts';

let server: Server;
let client: Redis;
let spaces = 0;

beforeAll(async () => {
  server = await startRedis();
  client = new Redis(server.url);
  client.on('error', () => {});
});
afterAll(async () => {
  client.disconnect();
  await server.close();
});

const open: OpenStore = async (options) => {
  const namespace = `space${(spaces += 1)}`;
  const store = await redisStore({ url: server.url, namespace, ...options });
  return {
    store,
    naive: {
      get: (key) => client.get(`naive:${namespace}:${key}`),
      set: async (key, value) => void (await client.set(`naive:${namespace}:${key}`, value)),
      del: async (key) => void (await client.del(`naive:${namespace}:${key}`)),
    },
    clear: async () => {
      const keys = await client.keys(`${namespace}:*`);
      if (keys.length > 0) await client.del(keys);
    },
    close: () => store.close(),
  };
};

storeSuite('redis', open);

storeDifferential('redis', open);

describe('a Redis that misbehaves', () => {
  const START = { era: 1, xid: 1 };
  const raise = [{ key: 'city:1', version: { era: 1, n: 1 } }];

  it('stopped: rejects at once and comes back by itself', async () => {
    const store = await redisStore({ url: server.url, namespace: 'stopped' });
    await store.initialise('life', START);
    await server.stop();
    await expect(store.raise(raise)).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(store.read(['city:1'])).rejects.toMatchObject({ code: 'E_STORE_UNAVAILABLE' });
    await server.start();
    await vi.waitFor(async () => expect(await store.read(['city:1'])).toMatchObject({ meta: null }), {
      timeout: 10_000,
    });
    await store.close();
  });

  it('hung: rejects within the command timeout and comes back by itself', async () => {
    const store = await redisStore({ url: server.url, namespace: 'hung', commandTimeoutMs: 100 });
    server.pause();
    try {
      await expect(store.read(['city:1'])).rejects.toThrow(/timed out/i);
    } finally {
      server.resume();
    }
    await vi.waitFor(async () => expect(await store.read(['city:1'])).toBeDefined(), { timeout: 10_000 });
    await store.close();
  });

  it('away at the start: the store opens and works once it is there', async () => {
    await server.stop();
    const store = await redisStore({ url: server.url, namespace: 'late' });
    await expect(store.read([])).rejects.toBeInstanceOf(StoreUnavailableError);
    await server.start();
    await vi.waitFor(async () => expect(await store.read([])).toBeDefined(), { timeout: 10_000 });
    await store.close();
  });

  it('its scripts flushed: they are loaded again', async () => {
    const store = await redisStore({ url: server.url, namespace: 'flushed' });
    await store.initialise('life', START);
    await client.script('FLUSH');
    await store.raise(raise);
    expect((await store.read(['city:1'])).records[0]?.tidemark.n).toBe(1);
    await store.close();
  });

  it.each([
    ['foreign text', 'hello'],
    ['an empty string', ''],
    ['a later format', `T\u0002${'\0'.repeat(70)}`],
    ['a record cut short', 'T\u0001\0\0'],
  ])('%s in a record counts as absent, and is overwritten', async (_, junk) => {
    const store = await redisStore({ url: server.url, namespace: 'junk' });
    const meta = await store.initialise('life', START);
    await client.set('junk:{city:1}', junk);
    expect((await store.read(['city:1'])).records).toEqual([null]);
    await store.raise(raise);
    expect((await store.read(['city:1'])).records[0]).toEqual({ tidemark: { era: 1, n: 1 }, value: null });
    await client.set('junk:meta', 'not a meta');
    expect(await store.read(['city:1'])).toMatchObject({ meta: null, records: [null] });
    expect((await store.apply({ invalidations: raise, expect: null, mark: 'm' })).outcome).toBe(
      'uninitialised',
    );
    expect((await store.initialise('again', START)).incarnation).toBe('again');
    expect(meta.incarnation).toBe('life');
    await client.del('junk:meta', 'junk:{city:1}');
    await store.close();
  });
});
