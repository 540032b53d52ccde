import { keyspace, type KeyspaceOptions, type NodeOptions } from '@tidemark/core';
import type { MemoryDb, MemoryTx } from '@tidemark/memory';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { AgingRegion, GatedLoads, type Node, SOON } from './aging-region.ts';
import { RedisHarness } from './redis-harness.ts';

const TTL_MS = 300_000;
/** For a Redis that hangs. */
const COMMAND_TIMEOUT_MS = 200;
const BREAKERS = { storeBreaker: { failures: 3, resetAfter: 100 }, sourceBreaker: false } as const;
/** How Redis fails, and how it comes back. */
const FAULTS = [
  ['stopped', () => redis.server.stop(), () => redis.server.start()],
  ['hung', async () => redis.server.pause(), async () => redis.server.resume()],
] as const;

type Options = Partial<KeyspaceOptions<{ readonly id: 'int' }, string | null, MemoryDb>>;
type Rows = ReturnType<typeof rowsOf>;

let redis: RedisHarness;
let region: AgingRegion;
let loads: GatedLoads;
let rows: Rows;

beforeAll(async () => {
  redis = await RedisHarness.start();
});
afterEach(async () => {
  redis.server.resume();
  if (!redis.server.pid) await redis.server.start();
  await region.close();
});
afterAll(() => redis.close());

function rowsOf(options: Options) {
  return keyspace({
    name: 'row',
    params: { id: 'int' },
    ttl: TTL_MS,
    ttlJitter: 0,
    earlyRefresh: false,
    load: (params: { readonly id: number }) => loads.load(params),
    ...options,
  });
}

async function start(
  options: Options,
  node: Partial<NodeOptions<MemoryDb, MemoryTx>> = {},
  commandTimeoutMs?: number,
): Promise<void> {
  loads = new GatedLoads();
  rows = rowsOf(options);
  region = await AgingRegion.open({
    redis,
    keyspaces: [rows],
    // A test's time passes for those who wait, too.
    node: { ...BREAKERS, loadTimeout: '4m', leaseWait: '4m', ...node },
    commandTimeoutMs,
  });
  loads.onTime = (ms) => region.passHere(ms);
}

/** What the processes answer to many reads each, and why. */
async function answers(nodes: readonly Node[] = region.all, id = 1): Promise<Set<string>> {
  const read = nodes.flatMap((node) => Array.from({ length: 50 }, () => node.read(rows, { id })));
  return new Set((await Promise.all(read)).map(({ value, why }) => `${value}, ${why}`));
}

function held(id = 1): (string | null | undefined)[] {
  return region.members.map((each) => each.peek(rows, { id }));
}

describe.each([
  [
    'XFetch, by the load time that each process measured',
    { earlyRefresh: { beta: 1 } },
    // A load takes 10 s: it is due that time -ln(1 - chance) before the end, 23 s and 69 s.
    { farMs: 200_000, nearMs: 46_000, tooLittle: 0.9, enough: 0.999 },
  ],
  [
    'early refresh within the last 30 s by one read in ten',
    { earlyRefresh: { within: '30s', probability: 0.1 } },
    { farMs: 60_000, nearMs: 29_000, tooLittle: 0.1, enough: 0.099 },
  ],
] as const)('%s', (_, options, { farMs, nearMs, tooLittle, enough }) => {
  /** All hold the row fresh with so much of its TTL left, and know how long a load takes. */
  async function loadedByAll(commandTimeoutMs?: number): Promise<void> {
    await start(options, {}, commandTimeoutMs);
    loads.takesMs = 10_000;
    for (const [i, each] of region.all.entries()) await each.get(rows, { id: 10 + i });
    await region.cached(rows, 1);
    loads.ids.length = 0;
    loads.value = 'second';
    // The time of its load has passed in the processes, and not in Redis.
    await region.pass(TTL_MS - farMs, ['row:1']);
  }

  it('one process reloads what is read near its end, all are served the old value, and then the new one', async () => {
    await loadedByAll();
    region.chance = enough;
    expect(await answers()).toEqual(new Set(['first 1, fresh']));
    await region.pass(farMs - nearMs, ['row:1']);
    region.chance = tooLittle;
    expect(await answers()).toEqual(new Set(['first 1, fresh']));
    expect(loads.ids).toEqual([]);
    const open = loads.hold();
    const { leases } = region;
    region.chance = enough;
    await vi.waitFor(async () => {
      expect(await answers()).toEqual(new Set(['first 1, fresh']));
      expect(region.leases - leases).toBeGreaterThanOrEqual(region.all.length);
      expect(loads.ids).toEqual([1]);
    }, SOON);
    open();
    await vi.waitFor(() => expect(held()).toEqual(['second 1', 'second 1']), SOON);
    region.chance = tooLittle;
    expect(await region.plain.read(rows, { id: 1 })).toMatchObject({ value: 'second 1', why: 'fresh' });
    // The old one's end goes by.
    await region.pass(nearMs, ['row:1']);
    expect(await answers()).toEqual(new Set(['second 1, fresh']));
    expect(loads.ids).toEqual([1]);
  });

  it.each(FAULTS)('a Redis that is %s meanwhile keeps nobody waiting', async (__, begin, end) => {
    await loadedByAll(COMMAND_TIMEOUT_MS);
    await region.pass(farMs - nearMs, ['row:1']);
    const open = loads.hold();
    region.chance = enough;
    expect(await answers(region.members)).toEqual(new Set(['first 1, fresh']));
    await vi.waitFor(() => expect(loads.count).toBeGreaterThan(0), SOON);
    await begin();
    expect(held()).toEqual(['first 1', 'first 1']);
    open();
    await vi.waitFor(() => expect(held()).toEqual(['second 1', 'second 1']), SOON);
    expect(await region.plain.get(rows, { id: 1 })).toBe('second 1');
    region.chance = tooLittle;
    await end();
    await vi.waitFor(
      async () =>
        expect(await region.plain.read(rows, { id: 1 })).toMatchObject({ value: 'second 1', tier: 'l2' }),
      SOON,
    );
  });
});

describe('TTL jitter', () => {
  it('is part of what Redis holds: keys that were filled together end apart, for all processes alike', async () => {
    await start({ ttlJitter: 0.5 });
    const ids = Array.from({ length: 10 }, (_, id) => id);
    for (const id of ids) {
      region.chance = id / 10;
      await region.cached(rows, id);
    }
    const keys = ids.map((id) => `row:${id}`);
    const { records } = await region.store.read(keys);
    const freshMs = ids.map((id) => TTL_MS - (id * TTL_MS) / 20);
    expect(records.map((record) => record!.value!.freshMs)).toEqual(freshMs);
    // Between two ends, 15 s apart.
    const passedMs = TTL_MS * 0.75 + 1_000;
    await region.pass(passedMs, keys);
    loads.ids.length = 0;
    const over = ids.filter((id) => freshMs[id]! < passedMs);
    expect(over).toEqual([5, 6, 7, 8, 9]);
    for (const id of ids)
      expect(held(id).map((each) => each === undefined)).toEqual(
        Array.from({ length: 2 }, () => over.includes(id)),
      );
    for (const each of region.all) for (const id of ids) await each.get(rows, { id });
    // Once for the region.
    expect(loads.ids).toEqual(over);
  });
});

describe('refresh-ahead', () => {
  const hot = [1, 2, 3];

  async function startHot(commandTimeoutMs?: number): Promise<void> {
    await start({}, { refreshAhead: { ahead: '100s' } }, commandTimeoutMs);
    for (const id of [...hot, 9]) await region.cached(rows, id);
    for (const each of region.all)
      for (const id of hot) for (let i = 0; i < 20; i += 1) await each.get(rows, { id });
    loads.ids.length = 0;
    loads.value = 'second';
    await region.pass(
      TTL_MS - 5_000,
      [...hot, 9].map((id) => `row:${id}`),
    );
  }

  const heldHot = (): unknown[] => hot.flatMap((id) => held(id));
  const allSecond = hot.flatMap((id) => [`second ${id}`, `second ${id}`]);

  it('loads what is hot once for all processes, before its end and though nobody reads it, and nothing else', async () => {
    await startHot();
    await vi.waitFor(() => expect(heldHot()).toEqual(allSecond), SOON);
    expect(loads.ids.toSorted((a, b) => a - b)).toEqual(hot);
    const { records } = await region.store.read(hot.map((id) => `row:${id}`));
    expect(records.map((record) => String(record!.value!.data))).toEqual(hot.map((id) => `"second ${id}"`));
    region.passHere(50_000);
    expect(held(9)).toEqual([undefined, undefined]);
    expect(heldHot()).toEqual(allSecond);
  });

  it.each(FAULTS)('goes on in each process while Redis is %s', async (_, begin, end) => {
    await startHot(COMMAND_TIMEOUT_MS);
    await begin();
    await vi.waitFor(() => expect(heldHot()).toEqual(allSecond), SOON);
    expect(new Set(loads.ids)).toEqual(new Set(hot));
    await end();
  });
});

describe('absence', () => {
  const KEYS = ['row:1'];

  async function absent(commandTimeoutMs?: number): Promise<void> {
    await start({ negativeTtl: '1m', staleWhileRevalidate: '1h', staleIfError: '1h' }, {}, commandTimeoutMs);
    loads.value = null;
    await region.cached(rows, 1);
    expect(loads.ids).toEqual([1]);
  }

  it('is known to all processes by one load, and fresh for its own TTL', async () => {
    await absent();
    await region.pass(30_000, KEYS);
    expect(await answers()).toEqual(new Set(['null, fresh']));
    expect(loads.ids).toEqual([1]);
    await region.pass(30_001, KEYS);
    loads.value = 'there';
    expect(held()).toEqual([undefined, undefined]);
    for (const each of region.all) expect(await each.get(rows, { id: 1 })).toBe('there 1');
    expect(loads.ids).toEqual([1, 1]);
  });

  it('past its TTL is never served instead of a load that fails', async () => {
    await absent();
    await region.pass(60_001, KEYS);
    loads.failing = new Error('the source is down');
    for (const each of region.all)
      await expect(each.get(rows, { id: 1 })).rejects.toThrow('the source is down');
  });

  it.each(FAULTS)('while Redis is %s is kept by L1, and ended there by a write', async (_, begin) => {
    await absent(COMMAND_TIMEOUT_MS);
    await begin();
    expect(held()).toEqual([null, null]);
    expect(await region.plain.get(rows, { id: 1 })).toBeNull();
    loads.value = 'there';
    await region.bump(rows, 1);
    await vi.waitFor(() => expect(held()).toEqual([undefined, undefined]), SOON);
    for (const each of region.all) expect(await each.get(rows, { id: 1 })).toBe('there 1');
  });
});

describe('stale-if-error', () => {
  const KEYS = ['row:1'];
  const KEPT_MS = 120_000;
  const down = new Error('the source is down');

  /** One second past its TTL in both tiers, with a source that is down. */
  async function expired(options: Options = {}, commandTimeoutMs?: number): Promise<void> {
    await start({ staleIfError: KEPT_MS, ...options }, {}, commandTimeoutMs);
    await region.cached(rows, 1);
    await region.pass(TTL_MS + 1_000, KEYS);
    expect(held()).toEqual([undefined, undefined]);
    loads.value = 'second';
    loads.failing = down;
  }

  it('serves what Redis and L1 keep while loads fail, as long as it was kept for, and no longer', async () => {
    await expired();
    const [member] = region.members;
    expect(await member!.read(rows, { id: 1 })).toMatchObject({ tier: 'l1', why: 'stale-if-error' });
    expect(await region.plain.read(rows, { id: 1 })).toMatchObject({ tier: 'l2', why: 'stale-if-error' });
    await region.pass(KEPT_MS - 31_000, KEYS);
    expect(await answers()).toEqual(new Set(['first 1, stale-if-error']));
    await region.pass(31_000, KEYS);
    for (const each of region.all) await expect(each.get(rows, { id: 1 })).rejects.toThrow(down.message);
  });

  it('serves nothing that was invalidated, not while its load is under way either', async () => {
    await expired();
    const open = loads.hold();
    const reading = Promise.allSettled(region.all.map((each) => each.get(rows, { id: 1 })));
    await vi.waitFor(() => expect(loads.count).toBe(2), SOON);
    loads.free();
    // A process without a bus hears of it from Redis alone.
    await region.members[0]!.write(async (tx) => tx.bump(rows, { id: 1 }));
    for (const each of region.all) await expect(each.get(rows, { id: 1 })).rejects.toThrow(down.message);
    open();
    expect((await reading).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  });

  it('serves it when a load takes longer than the soft timeout, which fills Redis and all processes later', async () => {
    await expired({ softTimeout: 50 });
    loads.failing = null;
    const open = loads.hold();
    expect(await answers()).toEqual(new Set(['first 1, stale-if-error']));
    await vi.waitFor(() => expect(loads.ids).toEqual([1, 1]), SOON);
    open();
    await vi.waitFor(() => expect(held()).toEqual(['second 1', 'second 1']), SOON);
    expect(await region.plain.read(rows, { id: 1 })).toMatchObject({ value: 'second 1', tier: 'l2' });
    expect(loads.ids).toEqual([1, 1]);
  });

  it.each(FAULTS)('serves what L1 keeps though Redis is %s as well', async (name, begin, end) => {
    await expired({}, COMMAND_TIMEOUT_MS);
    await begin();
    expect(await answers(region.members)).toEqual(new Set(['first 1, stale-if-error']));
    await expect(region.plain.get(rows, { id: 1 })).rejects.toThrow(down.message);
    await end();
    // A Redis that was stopped has lost what it kept; one that hung has it.
    if (name === 'hung')
      await vi.waitFor(
        async () =>
          expect(await region.plain.read(rows, { id: 1 })).toMatchObject({
            why: 'stale-if-error',
            tier: 'l2',
          }),
        SOON,
      );
    loads.failing = null;
    for (const each of region.all) expect(await each.get(rows, { id: 1 })).toBe('second 1');
  });
});
