import { type EarlyRefresh, type Keyspace, keyspace, type SqlExecutor } from '@tidemark/core';
import { afterEach, describe, expect, it } from 'vitest';
import { SlowLoader, type VirtualRegion, virtualRegion } from './read-harness.ts';

let region: VirtualRegion;
const loader = new SlowLoader(() => region.runtime);

afterEach(() => region.close());

type Rows = Keyspace<{ readonly id: 'int' }, string, SqlExecutor>;

async function start(
  options: { earlyRefresh?: EarlyRefresh; ttlJitter?: number; staleWhileRevalidate?: '1m' },
  nodes = 2,
): Promise<Rows> {
  Object.assign(loader, { takesMs: 0, failing: null, value: 'first' });
  loader.loaded.length = 0;
  const rows = keyspace({
    name: 'row',
    params: { id: 'int' },
    load: loader.load,
    ttl: '10s',
    ttlJitter: 0,
    ...options,
  });
  region = await virtualRegion({ keyspaces: [rows], nodes });
  return rows;
}

/** Reads the row on every node, `times` times, `everyMs` apart; returns how many reads waited for a load. */
async function readOften(rows: Rows, times: number, everyMs: number): Promise<number> {
  let waited = 0;
  for (let i = 0; i < times; i += 1) {
    for (const node of region.nodes) {
      const beganMs = region.runtime.monoMs();
      await region.runtime.settle(node.get(rows, { id: 1 }));
      if (region.runtime.monoMs() > beganMs) waited += 1;
    }
    await region.runtime.advance(everyMs);
  }
  return waited;
}

describe('XFetch', () => {
  it('reloads a key that is read often before its TTL ends: no reader ever waits again, one load per region', async () => {
    const rows = await start({ earlyRefresh: { beta: 2 } });
    loader.takesMs = 300;
    await readOften(rows, 1, 0);
    const waited = await readOften(rows, 900, 50); // 45 s: four TTLs.
    expect(waited).toBe(0);
    // About one for each TTL, for both nodes together.
    expect(loader.loaded.length).toBeGreaterThanOrEqual(4);
    expect(loader.loaded.length).toBeLessThanOrEqual(7);
  });

  it('off, each end of a TTL is met by a reader', async () => {
    const rows = await start({ earlyRefresh: false });
    loader.takesMs = 300;
    await readOften(rows, 1, 0);
    expect(await readOften(rows, 900, 50)).toBeGreaterThanOrEqual(4);
  });

  it('in its simple form refreshes within the given time of the end', async () => {
    const rows = await start({ earlyRefresh: { within: '3s', probability: 0.1 } });
    loader.takesMs = 300;
    await readOften(rows, 1, 0);
    await readOften(rows, 66, 100); // 6.6 s: before the last 3 s nothing happens.
    expect(loader.loaded).toHaveLength(1);
    expect(await readOften(rows, 34, 100)).toBe(0);
    expect(loader.loaded).toHaveLength(2);
  });
});

describe('stale-while-revalidate', () => {
  it('serves what is past its TTL at once, and loads once for all processes of the region', async () => {
    const rows = await start({ earlyRefresh: false, staleWhileRevalidate: '1m' }, 4);
    await readOften(rows, 1, 0);
    await region.runtime.advance(10_500);
    Object.assign(loader, { takesMs: 1_000, value: 'second' });
    const waited = await readOften(rows, 10, 50);
    expect(waited).toBe(0);
    expect(loader.loaded).toHaveLength(2);
    await region.runtime.advance(2_000);
    // Those that did not load took what the one that did had filled.
    expect(region.nodes.map((node) => node.peek(rows, { id: 1 }))).toEqual(
      Array.from({ length: 4 }, () => 'second 1'),
    );
    expect(loader.loaded).toHaveLength(2);
  });

  it('stops at an invalidation: the old value is not served while the new one is loaded', async () => {
    const rows = await start({ earlyRefresh: false, staleWhileRevalidate: '1m' });
    await readOften(rows, 1, 0);
    await region.runtime.advance(10_500);
    Object.assign(loader, { takesMs: 1_000, value: 'second' });
    await readOften(rows, 1, 50); // A reload is under way, with the old value.
    loader.value = 'third';
    await region.runtime.settle(region.nodes[0]!.write(async (tx) => tx.bump(rows, { id: 1 })));
    await region.runtime.advance(100);
    expect(region.nodes.map((node) => node.peek(rows, { id: 1 }))).toEqual([undefined, undefined]);
    const read = await Promise.all(
      region.nodes.map((node) => region.runtime.settle(node.get(rows, { id: 1 }))),
    );
    expect(read).toEqual(['third 1', 'third 1']);
  });
});

describe('TTL jitter', () => {
  it('shortens each TTL by a share of its own, at most the one given', async () => {
    const rows = await start({ earlyRefresh: false, ttlJitter: 0.5 }, 1);
    const [node] = region.nodes;
    const ids = Array.from({ length: 50 }, (_, i) => ({ id: i }));
    await region.runtime.settle(Promise.all(ids.map((params) => node!.get(rows, params))));
    const left = (): number => ids.filter((params) => node!.peek(rows, params) !== undefined).length;
    await region.runtime.advance(4_999);
    expect(left()).toBe(50);
    await region.runtime.advance(2_500);
    const half = left();
    expect(half).toBeGreaterThan(10);
    expect(half).toBeLessThan(40);
    await region.runtime.advance(2_501);
    expect(left()).toBe(0);
  });
});
