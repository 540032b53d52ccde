import type { Fill, StoreMeta } from '@tidemark/core';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Connection, type StoreConnection } from '../src/connection.ts';
import { type RedisStoreOptions, resolveRedisOptions } from '../src/options.ts';
import { RedisStore } from '../src/redis-store.ts';
import { fillOf, RedisHarness, START, version } from './redis-harness.ts';

const KEY = 'city:1';
const LIMIT = 16;
const large = (text: string): Buffer => Buffer.from(text.repeat(100));
const RAISE = [{ key: KEY, version: version(2) }];

let redis: RedisHarness;
let store: RedisStore;
let namespace: string;
let unreadable: string[];
let meta: StoreMeta;
/** Called before each `MGET` of the store, with its number. */
let beforeMget: (n: number) => Promise<unknown>;
let mgets: number;
/** Whether a `SET` of the store gets lost. */
let losesSet: boolean;

beforeAll(async () => {
  redis = await RedisHarness.start(['--maxmemory-policy', 'noeviction']);
});
afterAll(() => redis.close());
beforeEach(async () => {
  await redis.client.config('SET', 'maxmemory', '0');
  unreadable = [];
  namespace = redis.namespace();
  beforeMget = async () => {};
  mgets = 0;
  losesSet = false;
  store = await interruptible({ onUnreadable: (key) => unreadable.push(key) });
  meta = await store.initialise('life', START);
  return () => store.close();
});

/** A store between whose commands a test can do something. */
async function interruptible(options: Partial<RedisStoreOptions>): Promise<RedisStore> {
  const { url } = redis.server;
  const resolved = resolveRedisOptions({ url, namespace, inlineBytesMax: LIMIT, ...options });
  const connection = new Connection(resolved);
  await connection.opened();
  const between = {
    mgetBuffer: async (names: string[]) => {
      await beforeMget((mgets += 1));
      return connection.redis.mgetBuffer(names);
    },
    set: async (...args: Parameters<Redis['set']>) => (losesSet ? 'OK' : connection.redis.set(...args)),
  };
  const client = new Proxy(connection.redis, {
    get: (target, name) => {
      if (name in between) return between[name as keyof typeof between];
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
  const seen: StoreConnection = new Proxy(connection, {
    get: (target, name) => {
      if (name === 'redis') return client;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
  return new RedisStore(resolved, seen);
}

function fill(n: number, data: Buffer, changes: Partial<Fill> = {}): Promise<string> {
  return store.fill(fillOf(meta, { version: version(n), data, replaces: 'any', ...changes }));
}

/** Version and text of what a read answers; the tidemark alone for a tombstone. */
async function seen(): Promise<unknown> {
  const [record] = (await store.read([KEY])).records;
  if (!record?.value) return record && record.tidemark.n;
  return [record.value.version.n, Buffer.from(record.value.data!).toString()];
}

function bodies(): Promise<string[]> {
  return redis.client.keys(`${namespace}:*:value:*`);
}

describe('a value above the limit', () => {
  it('lies under a key of its own, for as long as it is of use: it is evicted before any tidemark', async () => {
    expect(await fill(1, large('a'))).toBe('admitted');
    const [body, ...others] = await bodies();
    expect(others).toEqual([]);
    expect(body).toMatch(new RegExp(`^${namespace}:\\{${KEY}\\}:value:[\\w-]{22}$`));
    const record = (await redis.client.getBuffer(`${namespace}:{${KEY}}`))!;
    expect([...record.subarray(0, 3), record.length]).toEqual([0xd4, 3, 1, 118]);
    expect(record.toString('latin1', 88, 110)).toBe(body!.slice(-22));
    const ttls = await Promise.all([`${namespace}:{${KEY}}`, body!].map((key) => redis.client.pttl(key)));
    expect(ttls[0]).toBeGreaterThan(ttls[1]!);
    expect(ttls[1]).toBeGreaterThan(60_000);
    expect(await seen()).toEqual([1, large('a').toString()]);
    const listed: string[] = [];
    for await (const page of store.keys()) listed.push(...page);
    expect(listed).toEqual([KEY]);
  });

  it('takes a second MGET, one for all of a batch; others take none', async () => {
    await fill(1, large('a'));
    await fill(1, large('b'), { key: 'city:2' });
    await fill(1, Buffer.alloc(LIMIT), { key: 'city:3' });
    const { records } = await store.read([KEY, 'city:3', 'city:2', 'city:4']);
    expect(records.map((record) => record?.value?.data?.byteLength)).toEqual([100, LIMIT, 100, undefined]);
    expect(mgets).toBe(2);
    await store.read(['city:3', 'city:4']);
    expect(mgets).toBe(3);
  });

  it('keeps its dependencies', async () => {
    const dependencies = [{ key: 'town:2', version: version(6), scope: 0, incarnation: 'life', epoch: 0 }];
    await fill(1, large('a'), { dependencies });
    expect((await store.read([KEY])).records[0]?.value).toMatchObject({ dependencies, data: large('a') });
  });
});

describe('a body that nobody needs any more goes', () => {
  it.each([
    ['another value', () => fill(1, large('b')), 1],
    ['a small value', () => fill(1, Buffer.from('b')), 0],
    ['absence', () => store.fill(fillOf(meta, { data: null, replaces: 'any' })), 0],
    ['a raise', () => store.raise(RAISE), 0],
    [
      'a watch that raises',
      () => store.watch({ key: KEY, version: version(2), scope: 0, asOf: START, lifeMs: 1_000 }),
      0,
    ],
    ['a refused fill', () => fill(0, large('b')), 1],
    ['a raise of the same version', () => store.raise([{ key: KEY, version: version(1) }]), 1],
  ] as const)('after %s', async (_, change, left) => {
    await fill(1, large('a'));
    await change();
    expect(await bodies()).toHaveLength(left);
  });

  it.each([
    ['a rule', async () => expect(await fill(1, large('b'), { epoch: -1 })).toBe('epoch')],
    [
      'an empty store',
      async () => {
        await redis.client.del(`${namespace}:meta`);
        expect(await fill(1, large('b'))).toBe('uninitialised');
      },
    ],
    [
      'a store of a later release',
      async () => {
        await redis.client.set(`${namespace}:meta`, '2 later');
        await expect(fill(1, large('b'))).rejects.toMatchObject({ code: 'E_STORE_FORMAT' });
      },
    ],
    [
      'full memory',
      async () => {
        await redis.client.config('SET', 'maxmemory', '1');
        await store.lease(KEY, 'me', 60_000).catch(() => {});
        await expect(fill(1, large('b'))).rejects.toMatchObject({ message: expect.stringContaining('OOM') });
      },
    ],
  ] as const)('when its fill is refused by %s', async (_, refused) => {
    await refused();
    expect(await bodies()).toEqual([]);
  });
});

describe('between the two questions of a read', () => {
  it('the value is replaced: the new one is read, whole', async () => {
    await fill(1, large('a'));
    beforeMget = async (n) => n === 2 && fill(2, large('b'));
    expect(await seen()).toEqual([2, large('b').toString()]);
    expect(mgets).toBe(4);
  });

  it('it is replaced each time: it counts as absent, and nothing is mixed', async () => {
    await fill(1, large('a'));
    beforeMget = async (n) => n % 2 === 0 && fill(n, large('b'));
    expect(await seen()).toBe(2);
    expect(mgets).toBe(4);
    beforeMget = async () => {};
    expect(await seen()).toEqual([4, large('b').toString()]);
  });

  it('it is replaced by a small one', async () => {
    await fill(1, large('a'));
    beforeMget = async (n) => n === 2 && fill(2, Buffer.from('b'));
    expect(await seen()).toEqual([2, 'b']);
  });

  it('it is invalidated: the tidemark is read', async () => {
    await fill(1, large('a'));
    beforeMget = async (n) => n === 2 && store.raise(RAISE);
    expect(await seen()).toBe(2);
  });

  it('the store loses everything, and begins a new life: nothing of the old one is read', async () => {
    await fill(1, large('a'));
    beforeMget = async (n) => {
      if (n !== 2) return;
      await redis.client.flushall();
      meta = await store.initialise('next', START);
    };
    expect(await store.read([KEY])).toMatchObject({ meta: { incarnation: 'next' }, records: [null] });
  });

  it('its body is evicted: it counts as absent, and may be filled again', async () => {
    await fill(1, large('a'));
    beforeMget = async (n) => n === 2 && redis.client.del(await bodies());
    expect(await seen()).toBe(1);
    expect(mgets).toBe(4);
    expect(await store.fill(fillOf(meta, { data: large('a'), replaces: null }))).toBe('admitted');
    expect(await seen()).toEqual([1, large('a').toString()]);
  });
});

describe.each([
  ['of another program', (body: Buffer) => Buffer.from('x'.repeat(body.length))],
  [
    'of another id',
    (body: Buffer) => Buffer.concat([body.subarray(0, 4), Buffer.alloc(22, 'x'), body.subarray(26)]),
  ],
  ['cut short', (body: Buffer) => body.subarray(0, -1)],
  ['of a format to come', (body: Buffer) => Buffer.concat([Buffer.from([0xd6, 2]), body.subarray(2)])],
])('a body %s', (_, change) => {
  it('counts as absent, is reported, and gives way', async () => {
    await fill(1, large('a'));
    const [key] = await bodies();
    await redis.client.set(key!, change((await redis.client.getBuffer(key!))!), 'KEEPTTL');
    expect(await seen()).toBe(1);
    expect(new Set(unreadable)).toEqual(new Set([key]));
    expect(await store.fill(fillOf(meta, { data: large('b'), replaces: null }))).toBe('admitted');
    expect(await seen()).toEqual([1, large('b').toString()]);
  });
});

it('a body of another type counts as absent, and gives way', async () => {
  await fill(1, large('a'));
  const [key] = await bodies();
  await redis.client.multi().del(key!).rpush(key!, 'a', 'list').exec();
  expect(await seen()).toBe(1);
  expect(await store.fill(fillOf(meta, { data: large('b'), replaces: null }))).toBe('admitted');
  expect(await seen()).toEqual([1, large('b').toString()]);
});

it('a whole body holds its place like any value: a fill that saw none is refused', async () => {
  await fill(1, large('a'));
  expect(await store.fill(fillOf(meta, { data: large('b'), replaces: null }))).toBe('refilled');
  expect(await seen()).toEqual([1, large('a').toString()]);
  expect(await bodies()).toHaveLength(1);
});

it('a body that was lost before its fill fails the fill, and gives the lease back', async () => {
  await store.lease(KEY, 'me', 60_000);
  losesSet = true;
  await expect(fill(1, large('a'), { lease: 'me' })).rejects.toMatchObject({
    code: 'E_STORE_UNAVAILABLE',
    message: expect.stringContaining('evicted'),
  });
  expect(await store.read([KEY])).toMatchObject({ records: [null] });
  expect(await store.lease(KEY, 'other', 60_000)).toEqual({ granted: true });
});

it('a pointer that a release before bodies raised is a tombstone; its body is not asked for', async () => {
  await fill(1, large('a'));
  const bytes = Buffer.alloc(16);
  bytes.writeDoubleBE(1, 0);
  bytes.writeDoubleBE(5, 8);
  await redis.client.setrange(`${namespace}:{${KEY}}`, 4, bytes);
  expect(await seen()).toBe(5);
  expect(mgets).toBe(1);
  expect(await fill(5, large('b'))).toBe('admitted');
  expect(await bodies()).toHaveLength(1);
});

describe('bodies of two releases', () => {
  const of = (schema: number, n: number, data: Buffer, changes: Partial<Fill> = {}): Promise<string> =>
    fill(n, data, { schema, ...changes });

  it('what was beside an older version goes with the next value of either', async () => {
    for (const next of [1, 2]) {
      await of(1, next * 2, large('a'));
      await of(2, next * 2, large('b'));
      expect(await bodies()).toHaveLength(2);
      await store.raise([{ key: KEY, version: version(next * 2 + 1) }]);
      await of(next, next * 2 + 1, large('c'));
      expect(await bodies()).toHaveLength(1);
      expect(await redis.client.exists(`${namespace}:{${KEY}}:beside`)).toBe(0);
    }
  });

  it('a value whose body was evicted keeps its place, and what is beside it counts on', async () => {
    await of(2, 1, large('b'));
    const record = (await redis.client.getBuffer(`${namespace}:{${KEY}}`))!;
    await of(1, 1, large('a'));
    await redis.client.del(`${namespace}:{${KEY}}:value:${record.toString('latin1', 88, 110)}`);
    // It saw nothing at its miss: what came beside since may be newer than it.
    expect(await of(1, 1, large('late'), { replaces: null })).toBe('refilled');
    const read = async (schema: number) => (await store.read([KEY], schema)).records[0]?.value;
    expect((await read(1))?.data).toEqual(large('a'));
    expect(await read(2)).toBeNull();
    expect(await of(2, 1, large('d'), { replaces: null })).toBe('admitted');
    expect([(await read(1))?.data, (await read(2))?.data]).toEqual([large('a'), large('d')]);
  });
});
