import {
  keyspace,
  type LoadContext,
  startNode,
  StoreUnavailableError,
  systemRuntime,
  tag,
} from '@tidemark/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type MemoryDb, memoryStore } from '../src/index.ts';
import { Gate, type MemoryRegions, memoryRegions, WAIT } from './memory-region.ts';

interface Product {
  readonly price: number;
}

const gate = new Gate();
const loads = { page: 0 };

const products = keyspace({
  name: 'product',
  params: { id: 'int' },
  load: ({ id }, { db }: LoadContext<MemoryDb>) => db.get<Product>(`product:${id}`),
});

/** A page of two products and a tag. */
const pages = keyspace({
  name: 'page',
  params: { id: 'int' },
  dependsOn: ({ id }) => [products.key({ id }), products.key({ id: id + 1 }), tag('layout')],
  async load({ id }, { db }: LoadContext<MemoryDb>) {
    loads.page += 1;
    const rows = [await db.get<Product>(`product:${id}`), await db.get<Product>(`product:${id + 1}`)];
    await gate.pass();
    return rows.map((row) => row?.price ?? 0);
  },
});

/** A page that finds out while it loads what it is made from. */
const found = keyspace({
  name: 'found',
  params: { id: 'int' },
  async load({ id }, { db, depend }: LoadContext<MemoryDb>) {
    const list = (await db.get<number[]>(`list:${id}`)) ?? [];
    await depend(`list:${id}`, ...list.map((each) => products.key({ id: each })));
    const again = (await db.get<number[]>(`list:${id}`)) ?? [];
    return Promise.all(again.map(async (each) => (await db.get<Product>(`product:${each}`))?.price ?? 0));
  },
});

/** A sum over all products. */
const totals = keyspace({
  name: 'total',
  params: { of: 'string' },
  dependsOn: () => [products.name],
  load: async (_, { db }: LoadContext<MemoryDb>) => (await db.get<Product>('product:1'))?.price ?? 0,
});

let regions: MemoryRegions;
beforeEach(async () => {
  loads.page = 0;
  regions = await memoryRegions([products, pages, found, totals]);
  await price(1, 10);
  await price(2, 20);
});
afterEach(() => regions.close());

async function price(id: number, value: number): Promise<void> {
  await regions.us.write(async (tx) => tx.set(`product:${id}`, { price: value }));
}

/** Waits until both regions serve the page from L1. */
async function warm(): Promise<void> {
  for (const node of [regions.us, regions.eu]) {
    await vi.waitFor(async () => expect((await node.read(pages, { id: 1 })).tier).toBe('l1'), WAIT);
  }
}

describe('a value that depends on other keys', () => {
  it('is served from L1 and L2, and is stale everywhere when any of them rises', async () => {
    await warm();
    expect(regions.us.peek(pages, { id: 1 })).toEqual([10, 20]);
    await price(2, 21);
    expect(regions.us.peek(pages, { id: 1 })).toBeUndefined();
    expect((await regions.us.read(pages, { id: 1 })).value).toEqual([10, 21]);
    await vi.waitFor(async () => expect(await regions.eu.get(pages, { id: 1 })).toEqual([10, 21]), WAIT);
  });

  it('is stale in the shared store for a node that has no L1 of it', async () => {
    await warm();
    const { dependencies, version } = (await regions.stores.us.read(['page:1'])).records[0]!.value!;
    expect(dependencies.map(({ key }) => key)).toEqual(['product:1', 'product:2', 'tag:layout']);
    expect(version).toEqual({ era: 1, n: 0 });
    // Another process of the region raised one of them; this node has not heard of it.
    await regions.stores.us.raise([{ key: 'product:1', version: { era: 1, n: 9 } }]);
    const fresh = await regions.deaf.read(pages, { id: 1 });
    expect(fresh).toMatchObject({ tier: 'source', why: 'dependency' });
  });

  it('is not cached when one of them rises while it is loaded', async () => {
    await vi.waitFor(() => expect(regions.us.stats().stalenessBoundMs).toBeLessThan(500), WAIT);
    const reached = gate.shut();
    const late = regions.us.get(pages, { id: 1 });
    await reached;
    await regions.eu.write(async (tx) => tx.set('product:2', { price: 22 }));
    await vi.waitFor(async () => {
      const { records } = await regions.stores.us.read(['product:2']);
      expect(records[0]!.tidemark.n).toBe(3);
    }, WAIT);
    gate.open();
    expect(await late).toEqual([10, 20]); // It was right when it was read.
    expect(regions.us.peek(pages, { id: 1 })).toBeUndefined();
    const { records } = await regions.stores.us.read(['page:1']);
    expect(records[0]?.value ?? null).toBeNull();
    expect(await regions.us.get(pages, { id: 1 })).toEqual([10, 22]);
  });

  it('is not kept when one of them rises between its watch and its fill', async () => {
    const { us: store } = regions.stores;
    const fill = store.fill.bind(store);
    vi.spyOn(store, 'fill').mockImplementationOnce(async (value) => {
      await store.raise([{ key: 'product:1', version: { era: 1, n: 9 } }]);
      return fill(value);
    });
    await regions.us.get(pages, { id: 1 });
    expect(await regions.deaf.read(pages, { id: 1 })).toMatchObject({ why: 'dependency' });
  });

  it('is not put into L1 when one of them rises before the answer to its fill comes', async () => {
    await vi.waitFor(async () => expect((await regions.us.read(products, { id: 1 })).tier).toBe('l1'), WAIT);
    const { us: store } = regions.stores;
    const fill = store.fill.bind(store);
    vi.spyOn(store, 'fill').mockImplementationOnce(async (value) => {
      const verdict = await fill(value);
      await price(1, 11);
      return verdict;
    });
    expect(await regions.us.get(pages, { id: 1 })).toEqual([10, 20]);
    expect(regions.us.peek(pages, { id: 1 })).toBeUndefined();
    expect(await regions.us.get(pages, { id: 1 })).toEqual([11, 20]);
  });

  it('learns its dependencies while it loads', async () => {
    await regions.us.write(async (tx) => tx.set('list:1', [2, 1]));
    const read = () => regions.us.read(found, { id: 1 });
    await vi.waitFor(async () => expect(await read()).toMatchObject({ tier: 'l1', value: [20, 10] }), WAIT);
    await price(1, 11);
    expect(regions.us.peek(found, { id: 1 })).toBeUndefined();
    expect(await regions.us.get(found, { id: 1 })).toEqual([20, 11]);
  });

  it('may depend on a whole keyspace', async () => {
    expect(await regions.eu.get(totals, { of: 'all' })).toBe(10);
    await regions.us.write(async (tx) => {
      await tx.set('product:1', { price: 12 });
      tx.bumpAll(products);
    });
    await vi.waitFor(async () => expect(await regions.eu.get(totals, { of: 'all' })).toBe(12), WAIT);
  });

  it('a late or repeated event of the past makes nothing stale', async () => {
    await warm();
    const before = loads.page;
    await regions.stores.us.raise([{ key: 'product:2', version: { era: 1, n: 2 } }]);
    expect(await regions.deaf.read(pages, { id: 1 })).toMatchObject({ tier: 'l2', why: 'fresh' });
    expect(loads.page).toBe(before);
  });
});

describe('a tag', () => {
  it('makes all that depends on it stale by one event', async () => {
    const ids = Array.from({ length: 50 }, (_, i) => i + 1);
    const all = async (node: 'us' | 'eu') => Promise.all(ids.map((id) => regions[node].read(pages, { id })));
    for (const node of ['us', 'eu'] as const) {
      await vi.waitFor(
        async () => expect((await all(node)).every(({ tier }) => tier === 'l1')).toBe(true),
        WAIT,
      );
    }
    const { invalidations } = await regions.us.write(async (tx) => tx.invalidateTag('layout'));
    expect(invalidations.map(({ key }) => key)).toEqual(['tag:layout']);
    expect((await all('us')).every(({ tier }) => tier === 'source')).toBe(true);
    const version = invalidations[0]!.version;
    await vi.waitFor(async () => {
      await all('eu');
      const { records } = await regions.stores.eu.read(ids.map((id) => `page:${id}`));
      expect(records.every((record) => record!.value!.dependencies[2]!.version.n === version.n)).toBe(true);
    }, WAIT);
  });

  it('has a name of any characters, and is never the key of a row', async () => {
    expect(tag('a:b')).toBe('tag:a%3Ab');
    expect(() => tag('')).toThrow(expect.objectContaining({ code: 'E_KEY' }));
    expect(() => keyspace({ name: 'tag', params: { id: 'int' }, load: async () => null })).toThrow(
      /reserved/,
    );
  });
});

describe('limits', () => {
  it('refuses what is no key, too many keys, and dependencies without a source', async () => {
    const load = async (): Promise<number> => 1;
    const bad = keyspace({ name: 'bad', params: { id: 'int' }, dependsOn: () => ['Not A Key'], load });
    const many = keyspace({
      name: 'many',
      params: { id: 'int' },
      dependsOn: () => Array.from({ length: 65 }, (_, i) => products.key({ id: i })),
      load,
    });
    const other = await memoryRegions([bad, many]);
    await expect(other.us.get(bad, { id: 1 })).rejects.toMatchObject({ code: 'E_CONFIGURATION' });
    await expect(other.us.get(many, { id: 1 })).rejects.toMatchObject({ code: 'E_TOO_MANY_DEPENDENCIES' });
    await other.close();
    await expect(startNode({ keyspaces: [bad] })).rejects.toThrow(/needs a source/);
  });
});

it('goes on without a store that is away, and leaves no rejection that nobody handles', async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): unknown => unhandled.push(reason);
  process.on('unhandledRejection', note);
  const store = memoryStore({ runtime: systemRuntime });
  store.read = () => Promise.reject(new StoreUnavailableError('away'));
  const node = await startNode({ keyspaces: [products, pages], store, source: regions.source });
  try {
    expect(await node.get(pages, { id: 1 })).toEqual([10, 20]);
    // They are told of once all ticks and microtasks have run.
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  } finally {
    process.off('unhandledRejection', note);
    await node.close();
  }
});
