import { type OpenStore, storeDifferential, storeSuite } from '@tidemark/conformance';
import { afterAll, beforeAll } from 'vitest';
import type { RedisStoreOptions } from '../src/index.ts';
import { RedisHarness } from './redis-harness.ts';

let redis: RedisHarness;

beforeAll(async () => {
  redis = await RedisHarness.start();
});
afterAll(() => redis.close());

const openWith =
  (own: Partial<RedisStoreOptions>, others: Partial<RedisStoreOptions> = own): OpenStore =>
  async (options) => {
    const { client } = redis;
    const namespace = redis.namespace();
    const store = await redis.open({ namespace, ...options, ...own });
    const another = await redis.open({ namespace, ...options, ...others });
    return {
      store,
      another,
      naive: {
        get: (key) => client.get(`naive:${namespace}:${key}`),
        set: async (key, value) => void (await client.set(`naive:${namespace}:${key}`, value)),
        del: async (key) => void (await client.del(`naive:${namespace}:${key}`)),
      },
      clear: async () => {
        const keys = await client.keys(`${namespace}:*`);
        if (keys.length > 0) await client.del(keys);
      },
      close: async () => {
        await Promise.all([store.close(), another.close()]);
      },
    };
  };

storeSuite('redis', openWith({}));
storeDifferential('redis', openWith({}));

const bodies = { inlineBytesMax: 0 };
storeSuite('redis, every value in a body', openWith(bodies));
storeDifferential('redis, every value in a body', openWith(bodies));
storeDifferential('redis, processes with different limits', openWith(bodies, { inlineBytesMax: 4 }));
