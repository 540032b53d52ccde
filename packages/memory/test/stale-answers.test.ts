import { bounded, keyspace } from '@tidemark/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SlowLoader, type VirtualRegion, virtualRegion } from './read-harness.ts';

let region: VirtualRegion;
const loader = new SlowLoader(() => region.runtime);
const PLAIN = { name: 'row', params: { id: 'int' }, ttlJitter: 0, earlyRefresh: false } as const;
const rows = keyspace({
  ...PLAIN,
  load: loader.load,
  ttl: '1s',
  staleIfError: '1m',
  softTimeout: 200,
  hardTimeout: 900,
});

beforeEach(async () => {
  Object.assign(loader, { takesMs: 0, failing: null, value: 'first' });
  loader.loaded.length = 0;
  region = await virtualRegion({ keyspaces: [rows], nodes: 2 });
});
afterEach(() => region.close());

/** A row whose TTL has ended in both tiers. */
async function expired(): Promise<void> {
  await region.runtime.settle(region.nodes[0]!.get(rows, { id: 1 }));
  await region.runtime.advance(2_000);
  loader.value = 'second';
}

describe('a value past its TTL', () => {
  it('is served when its load fails, by both tiers, and not longer than it is kept', async () => {
    await expired();
    loader.failing = new Error('the source is down');
    const [own, other] = region.nodes;
    expect(await region.runtime.settle(own!.read(rows, { id: 1 }))).toMatchObject({
      value: 'first 1',
      tier: 'l1',
      why: 'stale-if-error',
    });
    expect(await region.runtime.settle(other!.read(rows, { id: 1 }))).toMatchObject({
      value: 'first 1',
      tier: 'l2',
      why: 'stale-if-error',
    });
    expect(own!.stats().staleServes).toBe(1);
    await region.runtime.advance(60_000);
    await expect(region.runtime.settle(own!.get(rows, { id: 1 }))).rejects.toThrow('the source is down');
  });

  it('is never served once it is known to be invalidated', async () => {
    await expired();
    loader.failing = new Error('the source is down');
    await region.runtime.settle(region.nodes[0]!.write(async (tx) => tx.bump(rows, { id: 1 })));
    await region.runtime.advance(500);
    for (const node of region.nodes) {
      await expect(region.runtime.settle(node.get(rows, { id: 1 }))).rejects.toThrow('the source is down');
    }
  });

  it('is never served once it is invalidated while the failing load is under way', async () => {
    await expired();
    Object.assign(loader, { failing: new Error('the source is down'), takesMs: 150 });
    const reading = region.nodes[1]!.get(rows, { id: 1 });
    await region.runtime.advance(50);
    await region.runtime.settle(region.nodes[0]!.write(async (tx) => tx.bump(rows, { id: 1 })));
    await expect(region.runtime.settle(reading)).rejects.toThrow('the source is down');
  });

  it('is served instead of a slow load after the soft timeout; the late load fills both tiers', async () => {
    await expired();
    loader.takesMs = 5_000;
    const beganMs = region.runtime.monoMs();
    expect(await region.runtime.settle(region.nodes[0]!.get(rows, { id: 1 }))).toBe('first 1');
    expect(region.runtime.monoMs() - beganMs).toBe(200);
    await region.runtime.advance(5_000);
    expect(region.nodes[0]!.peek(rows, { id: 1 })).toBe('second 1');
    expect(await region.runtime.settle(region.nodes[1]!.read(rows, { id: 1 }))).toMatchObject({
      value: 'second 1',
      tier: 'l2',
    });
    expect(loader.loaded).toEqual([1, 1]);
  });

  it('keeps the bound that was asked: what is proven fresh is served, whatever its TTL', async () => {
    await expired();
    loader.failing = new Error('the source is down');
    const consistency = bounded('2s');
    const [node] = region.nodes;
    expect(await region.runtime.settle(node!.get(rows, { id: 1 }, { consistency }))).toBe('first 1');
    const strict = bounded(1);
    await expect(region.runtime.settle(node!.get(rows, { id: 1 }, { consistency: strict }))).rejects.toThrow(
      'the source is down',
    );
  });
});

describe('without a value past its TTL', () => {
  it('a reader waits for the hard timeout and no longer; the late load fills', async () => {
    loader.takesMs = 5_000;
    const beganMs = region.runtime.monoMs();
    await expect(region.runtime.settle(region.nodes[0]!.get(rows, { id: 7 }))).rejects.toMatchObject({
      code: 'E_LOAD_TIMEOUT',
      key: 'row:7',
    });
    expect(region.runtime.monoMs() - beganMs).toBe(900);
    await region.runtime.advance(5_000);
    expect(region.nodes[0]!.peek(rows, { id: 7 })).toBe('first 7');
    expect(loader.loaded).toEqual([7]);
  });

  it('an invalidation while the late load is under way keeps its value out', async () => {
    loader.takesMs = 5_000;
    await expect(region.runtime.settle(region.nodes[0]!.get(rows, { id: 7 }))).rejects.toMatchObject({
      code: 'E_LOAD_TIMEOUT',
    });
    await region.runtime.settle(region.nodes[1]!.write(async (tx) => tx.bump(rows, { id: 7 })));
    loader.value = 'second';
    await region.runtime.advance(5_000);
    loader.takesMs = 0;
    expect(region.nodes[0]!.peek(rows, { id: 7 })).toBeUndefined();
    expect(await region.runtime.settle(region.nodes[0]!.get(rows, { id: 7 }))).toBe('second 7');
  });
});
