import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RedisStore } from '../src/index.ts';
import { fillOf, RedisHarness, START, version } from './redis-harness.ts';

const KEY = 'city:1';
const RAISE = [{ key: KEY, version: version(3) }];

let redis: RedisHarness;
let store: RedisStore;
let namespace: string;
let unreadable: string[];

beforeAll(async () => {
  redis = await RedisHarness.start();
});
afterAll(() => redis.close());
beforeEach(async () => {
  unreadable = [];
  namespace = redis.namespace();
  store = await redis.open({ namespace, onUnreadable: (key) => unreadable.push(key) });
});

/** Bytes that start like a record with this tidemark. */
function recordLike(format: number, tidemark: number, length = 20, flags = 0): Buffer {
  const bytes = Buffer.alloc(length);
  bytes.set([0xd4, format, flags]);
  bytes.writeDoubleBE(1, 4);
  bytes.writeDoubleBE(tidemark, 12);
  return bytes;
}

describe.each([
  ['text', Buffer.from('hello, this is some other program')],
  ['nothing', Buffer.alloc(0)],
  ['a record cut short', recordLike(1, 9).subarray(0, 19)],
  ['a tidemark that is not a number', recordLike(1, Number.NaN)],
  ['a tidemark out of range', recordLike(1, 2 ** 53)],
  ['a tidemark below zero', recordLike(1, -1)],
  ['a broken tidemark', recordLike(1, 1.5)],
])('%s in place of a record', (_, junk) => {
  it('counts as absent, is reported, and gives way', async () => {
    const redisKey = `${namespace}:{${KEY}}`;
    const meta = await store.initialise('life', START);
    await redis.client.set(redisKey, junk);
    expect((await store.read([KEY])).records).toEqual([null]);
    expect(unreadable).toEqual([redisKey]);
    await store.raise(RAISE);
    expect((await store.read([KEY])).records).toEqual([{ tidemark: version(3), value: null }]);
    expect(await redis.client.pttl(redisKey)).toBeGreaterThan(0);
    await redis.client.set(redisKey, junk);
    expect(await store.fill(fillOf(meta))).toBe('admitted');
    expect((await store.read([KEY])).records[0]?.value?.version).toEqual(version(1));
  });
});

describe.each([
  ['of a later format', recordLike(2, 9, 50, 1)],
  ['whose value is cut short', recordLike(1, 9, 60, 1)],
])('a record %s', (_, bytes) => {
  it('has no value, but its tidemark holds', async () => {
    const meta = await store.initialise('life', START);
    await redis.client.set(`${namespace}:{${KEY}}`, bytes);
    expect((await store.read([KEY])).records).toEqual([{ tidemark: version(9), value: null }]);
    expect(unreadable).toHaveLength(1);
    await store.raise(RAISE);
    expect(await store.fill(fillOf(meta, { version: version(8) }))).toBe('below-tidemark');
    await store.raise([{ key: KEY, version: version(10) }]);
    expect(await store.fill(fillOf(meta, { version: version(9) }))).toBe('below-tidemark');
    expect(await store.fill(fillOf(meta, { version: version(10) }))).toBe('admitted');
    expect((await store.read([KEY])).records[0]?.value?.version).toEqual(version(10));
  });
});

it('a value newer than its tidemark was not written by us', async () => {
  const meta = await store.initialise('life', START);
  await store.fill(fillOf(meta, { version: version(5) }));
  const redisKey = `${namespace}:{${KEY}}`;
  const bytes = (await redis.client.getBuffer(redisKey))!;
  bytes.writeDoubleBE(4, 12);
  await redis.client.set(redisKey, bytes);
  expect((await store.read([KEY])).records).toEqual([{ tidemark: version(4), value: null }]);
  expect(unreadable).toEqual([redisKey]);
});

describe.each([
  ['text', 'not a meta'],
  ['a format with too many digits', '9999999999 life line 0 0 1 100 1 100'],
  ['a format of nothing', '2'],
  ['format 0', '0 life line 0 0 1 100 1 100'],
  ['numbers out of range', `1 life line 0 ${2 ** 60} 1 100 1 100`],
  ['numbers that are not canonical', '1 life line 00 0 1 100 1 100'],
  ['bytes', '\u0000\u00ff\u2028'],
  ['a broken scope', '1 life line 0 0 1 100 1 100 city=x'],
  ['a scope twice', '1 life line 0 0 1 100 1 100 city=1 city=2'],
])('%s in place of the meta', (_, junk) => {
  it('is as good as an empty store', async () => {
    const meta = await store.initialise('life', START);
    await store.fill(fillOf(meta));
    await redis.client.set(`${namespace}:meta`, junk);
    expect(await store.read([KEY])).toMatchObject({ meta: null, records: [null] });
    expect(unreadable).toEqual([`${namespace}:meta`]);
    expect(await store.fill(fillOf(meta))).toBe('uninitialised');
    expect(await store.apply({ invalidations: RAISE, expect: null, mark: 'm' })).toEqual({
      outcome: 'uninitialised',
      meta: null,
    });
    await store.raiseEpoch(START);
    expect(await store.initialise('next', START)).toMatchObject({ incarnation: 'next' });
    expect((await store.read([KEY])).records).toEqual([{ tidemark: version(3), value: null }]);
  });
});

it('keys of another type are overwritten, not stumbled over', async () => {
  const { client } = redis;
  for (const name of ['meta', 'mark', 'history', '{city:1}', '{city:1}:lease', 'role:applier']) {
    await client.rpush(`${namespace}:${name}`, 'a', 'list');
  }
  expect(await store.read([KEY])).toMatchObject({ meta: null, records: [null] });
  await store.raise(RAISE);
  const meta = await store.initialise('life', START);
  expect(await store.lease(KEY, 'token', 1_000)).toEqual({ granted: true });
  expect(await store.claim('applier', 'me', 1_000)).toBe(true);
  const advance = { from: START, to: { era: 1, xid: 101 } };
  expect(await store.apply({ invalidations: [], expect: null, mark: 'm', advance })).toMatchObject({
    outcome: 'advanced',
  });
  expect(await store.fill(fillOf(meta, { version: version(3) }))).toBe('admitted');
});

describe('hostile keys', () => {
  it.each([
    'city:%7D:lease',
    'city: \r\nFLUSHALL\r\n',
    'city:*?[a-z]\\',
    'city:\u0001\u007f',
    'city:🏙️',
    `city:${'x'.repeat(1_000)}`,
    'meta',
    'meta:1',
    'role:applier',
  ])('%j is a key like any other', async (key) => {
    const meta = await store.initialise('life', START);
    await store.claim('applier', 'me', 60_000);
    await store.raise([{ key: 'city:other', version: version(1) }]);
    if (key.includes(':')) {
      expect(await store.fill(fillOf(meta, { key, data: Buffer.from(key) }))).toBe('admitted');
      const { records } = await store.read([key, 'city:other']);
      expect(Buffer.from(records[0]!.value!.data!).toString()).toBe(key);
      expect(records[1]?.tidemark).toEqual(version(1));
      const listed: string[] = [];
      for await (const page of store.keys()) listed.push(...page);
      expect(listed.sort()).toEqual([key, 'city:other'].sort());
    } else {
      await store.raise([{ key, version: version(7) }]);
    }
    expect((await store.read([])).meta).toMatchObject({ incarnation: 'life', horizon: START });
    expect(await store.claim('applier', 'other', 60_000)).toBe(false);
  });

  it.each(['', 'City:1', 'a b=9', 'city:{1}', 'city:1}', ':1', `city:${'x'.repeat(2_000)}`])(
    '%j is refused, and changes nothing',
    async (key) => {
      const meta = await store.initialise('life', START);
      await expect(store.raise([{ key, version: version(1) }])).rejects.toMatchObject({ code: 'E_FORMAT' });
      await expect(store.fill(fillOf(meta, { key }))).rejects.toMatchObject({ code: 'E_FORMAT' });
      expect(await redis.client.keys(`${namespace}:{*`)).toEqual([]);
      expect((await store.read([])).meta).toEqual(meta);
    },
  );

  it('an incarnation that would break the meta is refused', async () => {
    await expect(store.initialise('a b', START)).rejects.toMatchObject({ code: 'E_FORMAT' });
    await expect(store.initialise('', START)).rejects.toMatchObject({ code: 'E_FORMAT' });
  });

  it('a version that no record can hold is refused', async () => {
    for (const n of [-1, 1.5, Number.NaN, 2 ** 53]) {
      await expect(store.raise([{ key: KEY, version: version(n) }])).rejects.toMatchObject({
        code: 'E_FORMAT',
      });
    }
  });
});

describe('foreign data in place of what nodes read most', () => {
  const hot = [{ key: KEY, reads: 3 }];

  async function reported(): Promise<string[]> {
    const found: string[] = [];
    for await (const { keys } of store.popularity.reports()) found.push(...keys.map(({ key }) => key));
    return found;
  }

  it('is left out, reported, and gives way', async () => {
    for (const name of [`${namespace}:reads`, `${namespace}:reads:node`]) {
      await store.popularity.report('node', hot);
      await redis.client.set(name, 'somebody else');
      expect(await reported()).toEqual([]);
      expect(unreadable.splice(0)).toEqual([name]);
      await store.popularity.report('node', hot);
      expect(await reported()).toEqual([KEY]);
    }
  });

  it.each(['no JSON', '{"a":1}', '["city:1"]', '[1,2]', '["city:1",-1]', '["city:{1}",1]'])(
    'a page %s does not take the others with it',
    async (page) => {
      await store.popularity.report('node', hot);
      await redis.client.hset(`${namespace}:reads:node`, '7', page);
      expect(await reported()).toEqual([KEY]);
      expect(unreadable).toEqual([`${namespace}:reads:node`]);
    },
  );
});
