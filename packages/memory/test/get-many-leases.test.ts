import { keyspace } from '@tidemark/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SlowLoader, type VirtualRegion, virtualRegion } from './read-harness.ts';

let region: VirtualRegion;
const loader = new SlowLoader(() => region.runtime);
const batches: number[][] = [];
const rows = keyspace({
  name: 'row',
  params: { id: 'int' },
  load: loader.load,
  loadMany: async (all) => {
    batches.push(all.map(({ id }) => id));
    return Promise.all(all.map(loader.load));
  },
});

beforeEach(async () => {
  Object.assign(loader, { takesMs: 100, failing: null, value: 'first' });
  loader.loaded.length = 0;
  batches.length = 0;
  region = await virtualRegion({ keyspaces: [rows], nodes: 2 });
});
afterEach(() => region.close());

const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => ({ id: from + i }));
const texts = (from: number, to: number) => ids(from, to).map(({ id }) => `first ${id}`);

describe('getMany', () => {
  it('of two processes that miss the same keys loads each of them once', async () => {
    const [one, two] = region.nodes;
    const both = Promise.all([one!.getMany(rows, ids(0, 50)), two!.getMany(rows, ids(25, 75))]);
    const [first, second] = await region.runtime.settle(both);
    expect(first).toEqual(texts(0, 50));
    expect(second).toEqual(texts(25, 75));
    expect(loader.loaded.toSorted((a, b) => a - b)).toEqual(ids(0, 75).map(({ id }) => id));
    expect(batches.map((batch) => batch.length)).toEqual([50, 25]);
  });

  it('joins the load of a single reader of this process, and lets single readers join its own', async () => {
    const [node] = region.nodes;
    const single = node!.get(rows, { id: 3 });
    await region.runtime.advance(10);
    const many = node!.getMany(rows, ids(0, 5));
    await region.runtime.advance(10);
    const late = node!.get(rows, { id: 4 });
    expect(await region.runtime.settle(Promise.all([single, many, late]))).toEqual([
      'first 3',
      texts(0, 5),
      'first 4',
    ]);
    expect(batches).toEqual([[0, 1, 2, 4]]);
    expect(loader.loaded).toHaveLength(5);
  });

  it('that fails gives its leases back: the next reader need not wait', async () => {
    const [one, two] = region.nodes;
    loader.failing = new Error('down');
    await expect(region.runtime.settle(one!.getMany(rows, ids(0, 5)))).rejects.toThrow('down');
    loader.failing = null;
    const beganMs = region.runtime.monoMs();
    expect(await region.runtime.settle(two!.getMany(rows, ids(0, 5)))).toEqual(texts(0, 5));
    expect(region.runtime.monoMs() - beganMs).toBe(100);
  });

  it('loads by itself what the holder of the leases does not bring', async () => {
    const [one, two] = region.nodes;
    loader.takesMs = 9_000;
    const hanging = one!.getMany(rows, ids(0, 5));
    await region.runtime.advance(10);
    loader.takesMs = 100;
    const beganMs = region.runtime.monoMs();
    expect(await region.runtime.settle(two!.getMany(rows, ids(0, 5)))).toEqual(texts(0, 5));
    // `leaseWait` is 2 s.
    expect(region.runtime.monoMs() - beganMs).toBe(2_100);
    expect(batches).toHaveLength(2);
    await region.runtime.settle(hanging);
  });

  it('asks for no more than a bounded number of keys at a time', async () => {
    loader.takesMs = 0;
    const all = await region.runtime.settle(region.nodes[0]!.getMany(rows, ids(0, 1_234)));
    expect(all).toEqual(texts(0, 1_234));
    expect(batches.map((batch) => batch.length)).toEqual([500, 500, 234]);
  });
});

describe('a reader that waits for another process', () => {
  it('goes on when that one is done, not when it happens to ask again', async () => {
    const [one, two] = region.nodes;
    loader.takesMs = 1_111;
    const beganMs = region.runtime.monoMs();
    const both = Promise.all([one!.get(rows, { id: 1 }), two!.get(rows, { id: 1 })]);
    expect(await region.runtime.settle(both)).toEqual(['first 1', 'first 1']);
    expect(region.runtime.monoMs() - beganMs).toBe(1_111);
    expect(loader.loaded).toEqual([1]);
    // Once for each process at first; the waiter once more when it listened, and now and then while it waits.
    expect(region.asked.get('lease')).toBeLessThanOrEqual(2 + 1 + 5);
  });

  it('takes over at once when the holder fails', async () => {
    const [one, two] = region.nodes;
    Object.assign(loader, { takesMs: 333, failing: new Error('down') });
    const first = one!.get(rows, { id: 1 }).catch((error: unknown) => error);
    await region.runtime.advance(10);
    const second = two!.get(rows, { id: 1 });
    await region.runtime.advance(300);
    loader.takesMs = 100;
    const beganMs = region.runtime.monoMs();
    await region.runtime.advance(23.5);
    loader.failing = null;
    expect(await region.runtime.settle(second)).toBe('first 1');
    expect(region.runtime.monoMs() - beganMs).toBe(123);
    await first;
  });

  it('after an invalidation does not take what was loaded before it', async () => {
    const [one, two] = region.nodes;
    loader.takesMs = 500;
    const first = one!.get(rows, { id: 1 });
    await region.runtime.advance(10);
    const second = two!.get(rows, { id: 1 });
    await region.runtime.advance(10);
    loader.value = 'second';
    await region.runtime.settle(one!.write(async (tx) => tx.bump(rows, { id: 1 })));
    expect(await region.runtime.settle(second)).toBe('second 1');
    await region.runtime.settle(first);
    expect(await region.runtime.settle(one!.get(rows, { id: 1 }))).toBe('second 1');
  });
});
