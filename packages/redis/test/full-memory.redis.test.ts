import type { StoreMeta } from '@tidemark/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RedisStore } from '../src/index.ts';
import { fillOf, RedisHarness, START, version } from './redis-harness.ts';

const KEY = 'city:1';
const OOM = { code: 'E_STORE_UNAVAILABLE', message: expect.stringContaining('OOM') };

let redis: RedisHarness;
let store: RedisStore;
let namespace: string;
let meta: StoreMeta;

beforeEach(async () => {
  redis = await RedisHarness.start(['--maxmemory-policy', 'noeviction']);
  namespace = redis.namespace();
  store = await redis.open({ namespace, commandTimeoutMs: 10_000 });
  meta = await store.initialise('life', START);
});
afterEach(() => redis.close());

/** From now on Redis refuses to grow by a single byte. */
async function fill(): Promise<void> {
  await redis.client.config('SET', 'maxmemory', '1');
  await expect(redis.client.set('other', 'x')).rejects.toThrow(/OOM/);
}

async function usedBytes(): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.client.info('memory'))?.[1]);
}

describe('a Redis whose memory is full, and that may not evict', () => {
  it('still raises tidemarks, of records that it has and that it has not', async () => {
    await store.fill(fillOf(meta, { version: version(4) }));
    await fill();
    await store.raise([
      { key: KEY, version: version(5) },
      { key: 'city:2', version: version(7) },
    ]);
    expect((await store.read([KEY, 'city:2'])).records).toEqual([
      { tidemark: version(5), value: null },
      { tidemark: version(7), value: null },
    ]);
    expect(await redis.client.pttl(`${namespace}:{city:2}`)).toBeGreaterThan(0);
  });

  it('still raises the tidemark of a record of a later format', async () => {
    const bytes = Buffer.alloc(300, 1);
    bytes.set([0xd4, 0x7f]);
    bytes.writeDoubleBE(1, 4);
    bytes.writeDoubleBE(2, 12);
    await redis.client.set(`${namespace}:{${KEY}}`, bytes);
    await fill();
    await store.raise([{ key: KEY, version: version(3) }]);
    bytes.writeDoubleBE(3, 12);
    expect(await redis.client.getBuffer(`${namespace}:{${KEY}}`)).toEqual(bytes);
  });

  it('still applies batches and barriers: scopes, mark, horizon, epoch', async () => {
    await fill();
    const batch = { invalidations: [{ key: 'city', version: version(8) }], expect: null, mark: 'm1' };
    expect(await store.apply(batch)).toMatchObject({ outcome: 'applied' });
    const advance = { from: START, to: { era: 1, xid: 110 } };
    const barrier = { invalidations: [], expect: 'm1', mark: 'm2', advance };
    expect(await store.apply(barrier)).toMatchObject({ outcome: 'advanced', meta: { revision: 1 } });
    await store.raiseEpoch(START);
    expect((await store.read([])).meta).toMatchObject({
      epoch: 1,
      horizon: advance.to,
      scopes: new Map([['city', 8]]),
    });
  });

  it.each([
    ['moves another value beside', 1, 2],
    ['goes beside another value', 2, 1],
  ])('refuses a fill that %s, and keeps what is there', async (_, first, then) => {
    await store.fill(fillOf(meta, { schema: first, data: Buffer.from('first') }));
    await fill();
    for (const via of [
      () => store.fill(fillOf(meta, { schema: then })),
      () => store.fillMany([fillOf(meta, { schema: then })]),
    ]) {
      await expect(via()).rejects.toMatchObject(OOM);
      expect(await redis.client.exists(`${namespace}:{${KEY}}:beside`)).toBe(0);
      const { records } = await store.read([KEY], then);
      expect(records[0]?.value).toMatchObject({ schema: first, data: Buffer.from('first') });
    }
  });

  it('still gives and renews roles, to one holder', async () => {
    await store.claim('relay', 'me', 60_000);
    await fill();
    expect(await store.claim('relay', 'other', 60_000)).toBe(false);
    expect(await redis.client.pttl(`${namespace}:role:relay`)).toBeGreaterThan(0);
    expect(await store.claim('relay', 'me', 60_000)).toBe(true);
    expect(await store.claim('applier', 'other', 60_000)).toBe(true);
    expect(await redis.client.pttl(`${namespace}:role:applier`)).toBeGreaterThan(0);
    await store.resign('relay', 'me');
    expect(await store.claim('relay', 'other', 60_000)).toBe(true);
  });

  it('is made usable when it was found empty', async () => {
    await fill();
    const empty = await redis.open({ namespace: redis.namespace() });
    const edge = { invalidations: [{ key: KEY, version: version(9) }], expect: null, mark: 'edge' };
    expect(await empty.apply(edge)).toMatchObject({ outcome: 'uninitialised' });
    expect(await empty.initialise('next', START, 'edge')).toMatchObject({ incarnation: 'next' });
    expect((await empty.read([KEY])).records).toEqual([{ tidemark: version(9), value: null }]);
  });

  it('refuses leases, fills and all that serves them, and reads what it has', async () => {
    await store.fill(fillOf(meta));
    const before = (await store.read([KEY])).records;
    await fill();
    await expect(store.lease('city:2', 'a', 60_000)).rejects.toMatchObject(OOM);
    await expect(store.fill(fillOf(meta, { version: version(2) }))).rejects.toMatchObject(OOM);
    await expect(store.fill(fillOf(meta, { key: 'city:2' }))).rejects.toMatchObject(OOM);
    const watch = { key: 'town:1', version: version(1), scope: 0, asOf: START, lifeMs: 1_000 };
    await expect(store.watch(watch)).rejects.toMatchObject(OOM);
    const value = { version: version(1), schema: 1, data: null };
    await expect(store.retain(KEY, value, 2, 60_000)).rejects.toMatchObject(OOM);
    expect((await store.read([KEY])).records).toEqual(before);
    expect(await redis.client.keys(`${namespace}:*`)).toHaveLength(3);
  });

  it('refuses a fill under a lease too, and gives the lease back', async () => {
    await store.lease(KEY, 'a', 60_000);
    await fill();
    await expect(store.fill(fillOf(meta, { lease: 'a' }))).rejects.toMatchObject(OOM);
    expect((await store.read([KEY])).records).toEqual([null]);
    expect(await redis.client.exists(`${namespace}:{${KEY}}:lease`)).toBe(0);
  });

  it('gets memory back from every value that a raise voids', async () => {
    const data = Buffer.alloc(200_000, 1);
    const keys = Array.from({ length: 20 }, (_, n) => `city:${n}`);
    const limit = (await usedBytes()) + 2_000_000;
    await redis.client.config('SET', 'maxmemory', limit);
    const filled: string[] = [];
    await expect(
      (async () => {
        for (const key of keys) {
          await store.fill(fillOf(meta, { key, data }));
          filled.push(key);
        }
      })(),
    ).rejects.toMatchObject(OOM);
    expect(filled.length).toBeGreaterThan(2);
    const fullBytes = await usedBytes();
    await store.raise(filled.slice(0, 2).map((key) => ({ key, version: version(2) })));
    expect(await usedBytes()).toBeLessThan(fullBytes - 2 * 150_000);
    const { records } = await store.read(filled);
    expect(records.map((record) => record!.value === null)).toEqual(filled.map((_, i) => i < 2));
    expect(await store.fill(fillOf(meta, { key: filled[0]!, version: version(2), data }))).toBe('admitted');
  });
});
