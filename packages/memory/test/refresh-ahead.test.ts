import { keyspace } from '@tidemark/core';
import { afterEach, describe, expect, it } from 'vitest';
import { SlowLoader, type VirtualRegion, virtualRegion } from './read-harness.ts';

let region: VirtualRegion;
const loader = new SlowLoader(() => region.runtime);
const rows = keyspace({
  name: 'row',
  params: { id: 'int' },
  load: loader.load,
  ttl: '30s',
  ttlJitter: 0,
  earlyRefresh: false,
});

afterEach(() => region.close());

async function start(
  refreshAhead?: { keysMax?: number; perSecondMax?: number; ahead?: '5s' },
  pingInterval = 100,
): Promise<void> {
  Object.assign(loader, { takesMs: 0, failing: null, value: 'first' });
  loader.loaded.length = 0;
  region = await virtualRegion({
    keyspaces: [rows],
    nodes: 2,
    pingInterval,
    ...(refreshAhead && { refreshAhead }),
  });
}

/** Reads keys 1 to `hot` many times on every node, keys 101 to 105 once. */
async function read(hot: number, times = 20): Promise<void> {
  for (const node of region.nodes) {
    for (let id = 101; id <= 105; id += 1) await region.runtime.settle(node.get(rows, { id }));
    for (let id = 1; id <= hot; id += 1) {
      await region.runtime.settle(node.get(rows, { id }));
      for (let i = 0; i < times; i += 1) node.peek(rows, { id });
    }
  }
}

describe('hot keys', () => {
  it('are those that are read most, hottest first', async () => {
    await start(undefined, 10_000);
    await read(3);
    for (let i = 0; i < 100; i += 1) region.nodes[0]!.peek(rows, { id: 2 });
    const hot = region.nodes[0]!.hotKeys();
    expect(hot[0]!.key).toBe('row:2');
    expect(
      hot
        .slice(0, 3)
        .map(({ key }) => key)
        .toSorted(),
    ).toEqual(['row:1', 'row:2', 'row:3']);
    // One read of a cold key counts as well: a warm-up wants to know of it.
    expect(hot).toContainEqual({ key: 'row:101', reads: 1 });
    expect(region.nodes[0]!.hotKeys(1)).toHaveLength(1);
    // An hour later they are forgotten, unless they are still read.
    for (let turn = 0; turn < 6; turn += 1) {
      await region.runtime.advance(600_001);
      await region.runtime.settle(region.nodes[0]!.get(rows, { id: 3 }));
      for (let i = 0; i < 20; i += 1) region.nodes[0]!.peek(rows, { id: 3 });
    }
    expect(region.nodes[0]!.hotKeys()[0]!.key).toBe('row:3');
    expect(region.nodes[0]!.hotKeys().map(({ key }) => key)).not.toContain('row:1');
  });

  it('of the region count each read, those that L1 answered last and of what it dropped as well', async () => {
    Object.assign(loader, { takesMs: 0, failing: null, value: 'first' });
    region = await virtualRegion({ keyspaces: [rows] });
    const [node] = region.nodes;
    for (let i = 0; i < 4; i += 1) await region.runtime.settle(node!.get(rows, { id: 1 }));
    for (let i = 0; i < 3; i += 1) await region.runtime.settle(node!.get(rows, { id: 2 }));
    await region.runtime.settle(node!.write(async (tx) => tx.set('row:2', 'new')));
    await region.runtime.advance(1_000);
    const expected = [
      { key: 'row:1', reads: 4 },
      { key: 'row:2', reads: 3 },
    ];
    expect(await region.runtime.settle(node!.regionHotKeys())).toEqual(expected);
    // Asking is not counted, nor is anything counted twice.
    expect(await region.runtime.settle(node!.regionHotKeys())).toEqual(expected);
  });

  it('of the region are those of all its nodes, the ones that left included', async () => {
    Object.assign(loader, { takesMs: 0, failing: null, value: 'first' });
    region = await virtualRegion({ keyspaces: [rows], nodes: 3 });
    const [one, two, fresh] = region.nodes;
    for (const [node, id, times] of [
      [one!, 1, 30],
      [two!, 1, 30],
      [two!, 2, 50],
    ] as const) {
      for (let i = 0; i < times; i += 1) await region.runtime.settle(node.get(rows, { id }));
    }
    await region.runtime.settle(two!.close());
    const hot = await region.runtime.settle(one!.regionHotKeys());
    expect(hot.map(({ key }) => key)).toEqual(['row:1', 'row:2']);
    expect(hot[0]!.reads).toBeGreaterThan(48);
    expect(hot[0]!.reads).toBeLessThanOrEqual(60);
    // A process that starts takes them from the store, and asks nobody else.
    const loads = loader.loaded.length;
    expect(await region.runtime.settle(fresh!.preload())).toBe(2);
    expect([1, 2, 3].map((id) => fresh!.peek(rows, { id }))).toEqual(['first 1', 'first 2', undefined]);
    expect(loader.loaded).toHaveLength(loads);
    await expect(two!.regionHotKeys()).rejects.toMatchObject({ code: 'E_CLOSED' });
  });
});

describe('refresh-ahead', () => {
  it('reloads hot keys before their TTL ends, once for the region, and cold ones not at all', async () => {
    await start({ ahead: '5s' });
    await read(3);
    expect(loader.loaded).toHaveLength(8);
    Object.assign(loader, { takesMs: 500, value: 'second' });
    await region.runtime.advance(29_000);
    expect(loader.loaded.slice(8).toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
    await region.runtime.advance(3_000); // Past the first TTL.
    for (const node of region.nodes) {
      expect([1, 2, 3].map((id) => node.peek(rows, { id }))).toEqual(['second 1', 'second 2', 'second 3']);
      expect(node.peek(rows, { id: 101 })).toBeUndefined();
    }
  });

  it('keeps to its budget', async () => {
    await start({ ahead: '5s', perSecondMax: 2 });
    await read(10);
    const before = loader.loaded.length;
    await region.runtime.advance(25_500);
    expect(loader.loaded.length - before).toBeLessThanOrEqual(4);
    await region.runtime.advance(1_000);
    expect(loader.loaded.length - before).toBeLessThanOrEqual(8);
  });

  it('leaves what was invalidated to its readers', async () => {
    await start({ ahead: '5s' });
    await read(1);
    await region.runtime.settle(region.nodes[0]!.write(async (tx) => tx.bump(rows, { id: 1 })));
    const before = loader.loaded.length;
    await region.runtime.advance(60_000);
    expect(loader.loaded).toHaveLength(before);
  });

  it('ends with its node', async () => {
    await start({ ahead: '5s' });
    await read(3);
    const before = loader.loaded.length;
    for (const node of region.nodes) await region.runtime.settle(node.close());
    await region.runtime.advance(60_000);
    expect(loader.loaded).toHaveLength(before);
  });

  it.each([{ keysMax: 0 }, { keysMax: 501 }, { perSecondMax: 0.5 }, { ahead: -1 as unknown as '5s' }])(
    'rejects %o',
    async (options) => {
      await start();
      await expect(virtualRegion({ keyspaces: [rows], refreshAhead: options })).rejects.toMatchObject({
        code: 'E_CONFIGURATION',
      });
    },
  );
});
