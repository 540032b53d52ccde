import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { keyspace, type NodeOptions } from '@tidemark/core';
import type { MemoryDb, MemoryTx } from '@tidemark/memory';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { AgingRegion, GatedLoads, type Node, SOON } from './aging-region.ts';
import { RedisHarness } from './redis-harness.ts';

const TTL_MS = 60_000;
const WINDOW_MS = 120_000;
const KEY = 'row:1';

let redis: RedisHarness;
let region: AgingRegion;
let child: ChildProcess | null = null;
let loads: GatedLoads;

const rows = keyspace({
  name: 'row',
  params: { id: 'int' },
  ttl: TTL_MS,
  staleWhileRevalidate: WINDOW_MS,
  ttlJitter: 0,
  earlyRefresh: false,
  load: (params) => loads.load(params),
});

beforeAll(async () => {
  redis = await RedisHarness.start();
});
afterEach(async () => {
  child?.kill('SIGKILL');
  child = null;
  redis.server.resume();
  if (!redis.server.pid) await redis.server.start();
  await region.close();
});
afterAll(() => redis.close());

/** A region whose row is one second past its TTL, in Redis and in all processes; what is loaded next is `second`. */
async function expired(
  node: Partial<NodeOptions<MemoryDb, MemoryTx>> = {},
  commandTimeoutMs?: number,
): Promise<void> {
  loads = new GatedLoads();
  region = await AgingRegion.open({ redis, keyspaces: [rows], node, commandTimeoutMs });
  await region.cached(rows, 1);
  expect(loads.count).toBe(1);
  await region.pass(TTL_MS + 1_000, [KEY]);
  loads.value = 'second';
}

/** What each of the processes answers, read many times at once. */
async function answers(nodes: readonly Node[] = region.all): Promise<Set<string>> {
  const read = nodes.flatMap((node) => Array.from({ length: 50 }, () => node.read(rows, { id: 1 })));
  return new Set((await Promise.all(read)).map(({ value, why }) => `${value}, ${why}`));
}

function held(): (string | null | undefined)[] {
  return region.members.map((each) => each.peek(rows, { id: 1 }));
}

/** Every process serves the old value and asks for the lease, which one of them gets, to load. */
async function allRevalidate(loading = 1): Promise<void> {
  const before = { leases: region.leases, loads: loads.count };
  await vi.waitFor(async () => {
    expect(await answers()).toEqual(new Set(['first 1, stale']));
    expect(region.leases - before.leases).toBeGreaterThanOrEqual(region.all.length);
    expect(loads.count - before.loads).toBe(loading);
  }, SOON);
}

async function allHave(value: string): Promise<void> {
  await vi.waitFor(() => expect(held()).toEqual([value, value]), SOON);
  expect(await region.plain.read(rows, { id: 1 })).toMatchObject({ value, tier: 'l2', why: 'fresh' });
}

describe('a value past its TTL in Redis', () => {
  it('is served at once by all processes while one of them loads it, for all', async () => {
    await expired();
    const open = loads.hold();
    await allRevalidate();
    expect(await answers()).toEqual(new Set(['first 1, stale']));
    expect(loads.count).toBe(2);
    open();
    await allHave('second 1');
    expect(loads.count).toBe(2);
  });

  it('is served until its window ends, and not longer, when nobody can load it', async () => {
    await expired();
    loads.failing = new Error('the source is down');
    await region.pass(WINDOW_MS - 31_000, [KEY]);
    expect(await answers()).toEqual(new Set(['first 1, stale']));
    await region.pass(31_000, [KEY]);
    expect(held()).toEqual([undefined, undefined]);
    for (const each of region.all)
      await expect(each.get(rows, { id: 1 })).rejects.toThrow('the source is down');
  });

  it('is not served past its window by who waits for a load that hangs', async () => {
    await expired({ loadTimeout: '10m', leaseWait: '10m' });
    const open = loads.hold();
    await allRevalidate();
    await region.pass(WINDOW_MS, [KEY]);
    const reading = answers();
    expect(held()).toEqual([undefined, undefined]);
    open();
    const served = [...(await reading)];
    expect(served.length).toBeGreaterThan(0);
    expect(served.filter((each) => !each.startsWith('second 1'))).toEqual([]);
  });

  it.each(['who heard of it', 'who did not'])(
    'gives way to a write: the late load of %s is refused, and all get the newer value',
    async (who) => {
      await expired();
      const [writer, other] = region.members;
      const late = who === 'who heard of it' ? other! : region.plain;
      const open = loads.hold();
      expect(await answers([late])).toEqual(new Set(['first 1, stale']));
      await vi.waitFor(() => expect(loads.count).toBe(2), SOON);
      loads.free();
      loads.value = 'third';
      await writer!.write(async (tx) => tx.bump(rows, { id: 1 }));
      // Not by reading, which would have the other one revalidate as well.
      await vi.waitFor(() => expect(other!.stats().l1Entries).toBe(0), SOON);
      for (const each of region.members) expect(await each.get(rows, { id: 1 })).toBe('third 1');
      expect(loads.count).toBe(3);
      open();
      await vi.waitFor(() => expect(late.stats().fillsRefused).toBe(1), SOON);
      await region.cached(rows, 1);
      await allHave('third 1');
      expect(await answers()).toEqual(new Set(['third 1, fresh']));
      expect(loads.count).toBe(3);
    },
  );
});

describe('who revalidates', () => {
  it('is killed: the old value is served until the lease ends, then another process loads', async () => {
    await expired({ leaseWait: '20s' });
    const leaseMs = 60_000;
    const script = fileURLToPath(new URL('./hung-loader.ts', import.meta.url));
    child = spawn(process.execPath, ['--import', 'tsx', '--conditions=@tidemark/source', script], {
      env: {
        ...process.env,
        REGION: JSON.stringify({ url: redis.server.url, namespace: region.namespace, leaseMs }),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const said = createInterface(child.stdout!)[Symbol.asyncIterator]();
    const lines = [(await said.next()).value, (await said.next()).value];
    expect(new Set(lines)).toEqual(new Set(['first 1', 'loading']));
    child.kill('SIGKILL');
    await once(child, 'exit');
    await allRevalidate(0);
    expect(loads.count).toBe(1);
    expect(await redis.client.pexpire(region.names.lease(KEY), 1)).toBe(1);
    await allHave('second 1');
    expect(loads.count).toBe(2);
  });

  it('hangs in its load: the old value is served until the load is given up, then another process loads', async () => {
    await expired({ leaseWait: '1m', loadTimeout: '30s' });
    loads.hold(); // For ever.
    await allRevalidate();
    expect(loads.count).toBe(2);
    loads.free();
    region.passHere(30_000);
    await allHave('second 1');
    expect(loads.count).toBe(3);
  });
});

describe('Redis, while a value is revalidated,', () => {
  it.each([
    ['stops', () => redis.server.stop(), () => redis.server.start()],
    ['hangs', async () => redis.server.pause(), async () => redis.server.resume()],
  ] as const)('%s: L1 goes on serving, and no invalidated value', async (_, begin, end) => {
    await expired({ storeBreaker: { failures: 3, resetAfter: 100 } }, 200);
    const open = loads.hold();
    expect(await answers()).toEqual(new Set(['first 1, stale']));
    await vi.waitFor(() => expect(loads.count).toBeGreaterThan(1), SOON);
    await begin();
    expect(await answers(region.members)).toEqual(new Set(['first 1, stale']));
    open();
    // Without Redis each process loads for itself.
    await vi.waitFor(() => expect(held()).toEqual(['second 1', 'second 1']), SOON);
    expect(await region.plain.get(rows, { id: 1 })).toBe('second 1');
    loads.value = 'third';
    await region.bump(rows, 1);
    await vi.waitFor(() => expect(held()).toEqual([undefined, undefined]), SOON);
    for (const each of region.all) expect(await each.get(rows, { id: 1 })).toBe('third 1');
    await end();
    await vi.waitFor(
      async () =>
        expect(await region.plain.read(rows, { id: 1 })).toMatchObject({ value: 'third 1', tier: 'l2' }),
      SOON,
    );
    loads.value = 'fourth';
    await region.bump(rows, 1);
    await vi.waitFor(() => expect(held()).toEqual([undefined, undefined]), SOON);
    for (const each of region.all) expect(await each.get(rows, { id: 1 })).toBe('fourth 1');
  });

  it('is slow: the old value is served at once, and one load is enough', async () => {
    await expired();
    region.path.setDelay(40);
    expect(await answers(region.members)).toEqual(new Set(['first 1, stale']));
    expect(held()).toEqual(['first 1', 'first 1']);
    await allHave('second 1');
    expect(loads.count).toBe(2);
  });
});
