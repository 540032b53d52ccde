import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RedisStore } from '../src/index.ts';
import { fillOf, RedisHarness, START, version } from './redis-harness.ts';

const KEY = 'city:1';
const RAISE = [{ key: KEY, version: version(3) }];
const AWAY = { code: 'E_STORE_FORMAT' };

let redis: RedisHarness;
let store: RedisStore;
let namespace: string;

beforeAll(async () => {
  redis = await RedisHarness.start();
});
afterAll(() => redis.close());
beforeEach(async () => {
  namespace = redis.namespace();
  store = await redis.open({ namespace });
});

describe.each(['2 life line 0 0 1 100 1 100', '2 {"anything":true}', '117 x'])(
  'a store whose meta is %j',
  (text) => {
    it('is left as it is, and counts as away; only tidemarks are raised', async () => {
      const meta = await store.initialise('life', START);
      await store.fill(fillOf(meta));
      await redis.client.set(`${namespace}:mark`, 'a mark');
      await redis.client.set(`${namespace}:history`, 'a history');
      await redis.client.set(`${namespace}:meta`, text);
      await expect(store.read([KEY])).rejects.toMatchObject(AWAY);
      await expect(store.fill(fillOf(meta))).rejects.toMatchObject(AWAY);
      await expect(store.initialise('next', START)).rejects.toMatchObject(AWAY);
      await expect(store.raiseEpoch(START)).rejects.toMatchObject(AWAY);
      const watch = { key: KEY, version: version(1), scope: 0, asOf: START, lifeMs: 1_000 };
      await expect(store.watch(watch)).rejects.toMatchObject(AWAY);
      const advance = { from: START, to: { era: 1, xid: 101 } };
      const batch = {
        invalidations: [...RAISE, { key: 'city', version: version(9) }],
        expect: null,
        mark: 'm',
      };
      await expect(store.apply({ ...batch, advance })).rejects.toMatchObject(AWAY);
      await expect(store.raise(RAISE)).rejects.toMatchObject(AWAY);
      expect(await redis.client.get(`${namespace}:meta`)).toBe(text);
      expect(await redis.client.get(`${namespace}:mark`)).toBe('a mark');
      expect(await redis.client.get(`${namespace}:history`)).toBe('a history');
      const bytes = (await redis.client.getBuffer(`${namespace}:{${KEY}}`))!;
      expect(bytes.readDoubleBE(12)).toBe(3);
      expect(bytes.length).toBe(20);
    });

    it('gives its roles only to those who can work on it', async () => {
      expect(await store.claim('applier', 'old', 60_000)).toBe(true);
      await redis.client.set(`${namespace}:meta`, text);
      await expect(store.claim('applier', 'old', 60_000)).rejects.toMatchObject(AWAY);
      await store.resign('applier', 'old');
      expect(await redis.client.exists(`${namespace}:role:applier`)).toBe(0);
    });
  },
);

it('raising the tidemark of a record of a later format keeps every other byte of it', async () => {
  await store.initialise('life', START);
  const redisKey = `${namespace}:{${KEY}}`;
  const bytes = Buffer.from(Array.from({ length: 300 }, (_, i) => i % 256));
  bytes.set([0xd4, 0x7f]);
  bytes.writeDoubleBE(1, 4);
  bytes.writeDoubleBE(2, 12);
  await redis.client.set(redisKey, bytes);
  await store.raise(RAISE);
  bytes.writeDoubleBE(3, 12);
  expect(await redis.client.getBuffer(redisKey)).toEqual(bytes);
});
