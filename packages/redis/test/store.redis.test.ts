import { type OpenStore, storeDifferential, storeSuite } from '@tidemark/conformance';
import { afterAll, beforeAll } from 'vitest';
import { RedisHarness } from './redis-harness.ts';

let redis: RedisHarness;

beforeAll(async () => {
  redis = await RedisHarness.start();
});
afterAll(() => redis.close());

const open: OpenStore = async (options) => {
  const { client } = redis;
  const namespace = redis.namespace();
  const store = await redis.open({ namespace, ...options });
  const another = await redis.open({ namespace, ...options });
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

storeSuite('redis', open);
storeDifferential('redis', open);
