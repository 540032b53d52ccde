import {
  bounded,
  type Bus,
  keyspace,
  type LoadContext,
  type NodeOptions,
  startNode,
  type Store,
  systemRuntime,
  type TidemarkNode,
} from '@tidemark/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  type MemoryDb,
  memoryMesh,
  memorySource,
  type MemoryStore,
  memoryStore,
  type MemoryTx,
} from '../src/index.ts';

interface Product {
  readonly id: number;
  readonly stock: number;
}

const WAIT = { timeout: 10_000, interval: 5 };
const opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

async function open<Db, Tx>(options: NodeOptions<Db, Tx>): Promise<TidemarkNode<Tx>> {
  const node = await startNode(options);
  opened.push(node);
  return node;
}

describe('a node with nothing but keyspaces', () => {
  it('caches frozen values, absence included, and loads once for many callers', async () => {
    const load = vi.fn(async ({ id }: { id: number }) => (id < 100 ? { id, stock: [3] } : null));
    const products = keyspace({ name: 'product', params: { id: 'int' }, load });
    const node = await open({ keyspaces: [products] });
    const values = await Promise.all(Array.from({ length: 1_000 }, () => node.get(products, { id: 1 })));
    expect(new Set(values).size).toBe(1);
    expect(load).toHaveBeenCalledTimes(1);
    expect(() => values[0]!.stock.push(4)).toThrow(TypeError);
    expect(node.peek(products, { id: 1 })).toBe(values[0]);
    expect(node.peek(products, { id: 2 })).toBeUndefined();
    expect([await node.get(products, { id: 100 }), await node.get(products, { id: 100 })]).toEqual([
      null,
      null,
    ]);
    expect(load).toHaveBeenCalledTimes(2);
  });

  it('loads many in one batch, in the order asked', async () => {
    const loadMany = vi.fn(async (all: readonly { id: number }[]) =>
      all.map(({ id }) => (id % 2 ? { id } : null)),
    );
    const products = keyspace({
      name: 'product',
      params: { id: 'int' },
      load: async ({ id }) => ({ id }),
      loadMany,
    });
    const node = await open({ keyspaces: [products] });
    await node.get(products, { id: 3 });
    expect(await node.getMany(products, [{ id: 1 }, { id: 2 }, { id: 3 }])).toEqual([
      { id: 1 },
      null,
      { id: 3 },
    ]);
    expect(loadMany.mock.calls.map(([all]) => all)).toEqual([[{ id: 1 }, { id: 2 }]]);
  });

  it('passes a loader error on, and does not cache it', async () => {
    const load = vi.fn(async () => Promise.reject(new Error('down')));
    const products = keyspace({ name: 'product', params: { id: 'int' }, load });
    const node = await open({ keyspaces: [products] });
    await expect(node.get(products, { id: 1 })).rejects.toThrow('down');
    await expect(node.get(products, { id: 1 })).rejects.toThrow('down');
    expect(load).toHaveBeenCalledTimes(2);
  });

  it('bounds loads in time and number, with coded errors', async () => {
    const signals: AbortSignal[] = [];
    const products = keyspace({
      name: 'product',
      params: { id: 'int' },
      load: (_, { signal }: LoadContext<unknown>) => {
        signals.push(signal);
        return new Promise<null>(() => {});
      },
    });
    const node = await open({
      keyspaces: [products],
      loadTimeout: 40,
      loadConcurrencyMax: 1,
      loadQueueMax: 1,
    });
    const reads = [1, 2, 3].map((id) =>
      node.get(products, { id }).catch((error: { code: string }) => error.code),
    );
    expect(await Promise.all(reads)).toEqual(['E_LOAD_TIMEOUT', 'E_LOAD_TIMEOUT', 'E_OVERLOADED']);
    expect(signals.every(({ aborted }) => aborted)).toBe(true);
  });

  it('serves past the TTL while it reloads, only inside the window', async () => {
    let n = 0;
    const load = vi.fn(async () => ({ n: (n += 1) }));
    const products = keyspace({
      name: 'p',
      params: { id: 'int' },
      ttl: 20,
      staleWhileRevalidate: '10s',
      load,
    });
    const node = await open({ keyspaces: [products] });
    expect(await node.get(products, { id: 1 })).toEqual({ n: 1 });
    await vi.waitFor(() => expect(node.peek(products, { id: 1 })?.n).toBeGreaterThan(1), WAIT);
  });

  it('rejects what its keyspaces and options do not allow', async () => {
    const products = keyspace({ name: 'product', params: { id: 'int' }, load: async () => null });
    const others = keyspace({ name: 'other', params: { id: 'int' }, load: async () => null });
    const node = await open({ keyspaces: [products] });
    await expect(async () => node.get(others, { id: 1 })).rejects.toMatchObject({ code: 'E_CONFIGURATION' });
    await expect(async () => node.get(products, { id: 'x' as never })).rejects.toMatchObject({
      code: 'E_KEY',
    });
    await expect(startNode({ keyspaces: [products, products] })).rejects.toThrow(/there twice/);
    await expect(startNode({ keyspaces: [products], roles: { relay: true } })).rejects.toThrow(
      /needs a source and a bus/,
    );
    await expect(node.write(async () => {})).rejects.toThrow(/needs a source/);
    await node.close();
    await expect(async () => node.get(products, { id: 1 })).rejects.toMatchObject({ code: 'E_CLOSED' });
  });
});

describe('a region of memory parts', () => {
  const gate: { wait: Promise<void> | null; reached: (() => void) | null } = { wait: null, reached: null };
  const products = keyspace({
    name: 'product',
    params: { id: 'int' },
    load: async ({ id }, { db }: LoadContext<MemoryDb>) => {
      const row = await db.get(`product:${id}`);
      gate.reached?.();
      if (gate.wait) await gate.wait;
      return (row ?? null) as Product | null;
    },
  });

  async function region(): Promise<{
    readonly nodes: readonly TidemarkNode<MemoryTx>[];
    set(node: number, stock: number): Promise<void>;
    readonly stores: readonly Store[];
    cut(region: string): void;
    readonly bus: Bus;
  }> {
    const mesh = memoryMesh({ runtime: systemRuntime, regions: ['us', 'eu'], delayMs: () => 2 });
    const source = memorySource({ runtime: systemRuntime });
    opened.push(source);
    const nodes: TidemarkNode<MemoryTx>[] = [];
    const stores: Store[] = [];
    for (const id of ['us', 'eu']) {
      const bus = mesh.bus(id);
      opened.push(bus);
      const store = memoryStore({ runtime: systemRuntime });
      stores.push(store);
      nodes.push(await open({ keyspaces: [products], store, bus, source, pingInterval: 50 }));
    }
    const bus = mesh.bus('eu');
    opened.push(bus);
    return {
      nodes,
      stores,
      cut: (id) => mesh.cut(id),
      bus,
      async set(node, stock) {
        await nodes[node]!.write(async (tx) => tx.set('product:1', { id: 1, stock }));
      },
    };
  }

  it('a load that another region overtakes is not cached: the stale-fill race, through whole nodes', async () => {
    const { nodes, stores, set } = await region();
    const [us, eu] = nodes;
    const tidemark = async (): Promise<number> =>
      (await stores[0]!.read(['product:1'])).records[0]?.tidemark.n ?? 0;
    await set(0, 1);
    await vi.waitFor(async () => expect((await us!.read(products, { id: 1 })).tier).toBe('l1'), WAIT);
    // 1. A reader in us misses and loads the old row; its answer is under way.
    await set(0, 2);
    let release = (): void => {};
    const reached = new Promise<void>((resolve) => (gate.reached = resolve));
    gate.wait = new Promise((resolve) => (release = resolve));
    const late = us!.get(products, { id: 1 });
    await reached;
    // 2. eu writes, and its event is applied in us.
    gate.wait = null;
    const before = await tidemark();
    await set(1, 3);
    await vi.waitFor(async () => expect(await tidemark()).toBeGreaterThan(before), WAIT);
    await vi.waitFor(async () => expect((await us!.get(products, { id: 1 }))?.stock).toBe(3), WAIT);
    // 3. The old answer arrives. It was right when it was read, but nobody else may get it.
    release();
    expect((await late)?.stock).toBe(2);
    for (let i = 0; i < 20; i += 1) {
      expect((await us!.get(products, { id: 1 }))?.stock).toBe(3);
      expect((await eu!.get(products, { id: 1 }))?.stock).toBe(3);
      await new Promise((resolve) => setImmediate(resolve));
    }
  });

  it('a reader that sees a newer tidemark in L2 does not join a load from before it', async () => {
    const { nodes, stores, set, cut } = await region();
    const [us, eu] = nodes;
    await set(0, 1);
    let release = (): void => {};
    const reached = new Promise<void>((resolve) => (gate.reached = resolve));
    gate.wait = new Promise((resolve) => (release = resolve));
    const early = us!.get(products, { id: 1 });
    await reached;
    gate.wait = null;
    // Another node of us hears of a write first and raises the shared store; this one's feed says nothing yet.
    cut('us');
    const { invalidations } = await eu!.write(async (tx) => tx.set('product:1', { id: 1, stock: 2 }));
    await stores[0]!.raise(invalidations);
    const later = us!.get(products, { id: 1 });
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    release();
    expect((await early)?.stock).toBe(1);
    expect((await later)?.stock).toBe(2);
  });

  it('a load that was overtaken is not cached, nor offered to the store, though a claim has covered the event since', async () => {
    const { nodes, stores, set } = await region();
    const [us] = nodes;
    await set(0, 1);
    await vi.waitFor(() => expect(us!.stats().stalenessBoundMs).toBeLessThan(500), WAIT);
    let release = (): void => {};
    const reached = new Promise<void>((resolve) => (gate.reached = resolve));
    gate.wait = new Promise((resolve) => (release = resolve));
    const late = us!.get(products, { id: 1 });
    await reached;
    gate.wait = null;
    await set(1, 2);
    // A claim newer than the event: every store state knows it, but one that forgot it.
    const sinceMs = performance.now();
    await vi.waitFor(
      () => expect(us!.stats().stalenessBoundMs).toBeLessThan(performance.now() - sinceMs),
      WAIT,
    );
    const fill = vi.spyOn(stores[0]!, 'fill');
    release();
    expect((await late)?.stock).toBe(1);
    expect(fill).not.toHaveBeenCalled();
    expect(us!.peek(products, { id: 1 })).toBeUndefined();
    expect((await us!.get(products, { id: 1 }))?.stock).toBe(2);
  });

  it('nor when the store forgot too, and admits it', async () => {
    const { nodes, stores, set } = await region();
    const [us] = nodes;
    await set(0, 1);
    await vi.waitFor(() => expect(us!.stats().stalenessBoundMs).toBeLessThan(500), WAIT);
    let release = (): void => {};
    const reached = new Promise<void>((resolve) => (gate.reached = resolve));
    gate.wait = new Promise((resolve) => (release = resolve));
    const late = us!.get(products, { id: 1 });
    await reached;
    gate.wait = null;
    await set(1, 2);
    const sinceMs = performance.now();
    await vi.waitFor(
      () => expect(us!.stats().stalenessBoundMs).toBeLessThan(performance.now() - sinceMs),
      WAIT,
    );
    // It went back to a moment after the miss and before the write: nothing there speaks against the fill.
    vi.spyOn(stores[0]!, 'fill').mockResolvedValueOnce('admitted');
    release();
    expect((await late)?.stock).toBe(1);
    expect(us!.peek(products, { id: 1 })).toBeUndefined();
  });

  it('an emptied store learns of keyspace invalidations above the horizon', async () => {
    const { nodes, stores, set } = await region();
    await set(0, 1);
    // A transaction that stays open holds the horizon below the invalidation that commits next.
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => (end = resolve));
    const long = nodes[0]!.write(async (tx) => {
      await tx.set('product:2', { id: 2, stock: 1 });
      await ended;
    });
    await nodes[0]!.write(async (tx) => tx.bumpAll(products));
    const scopeOf = async (): Promise<number> => (await stores[1]!.read([])).meta?.scopes.get('product') ?? 0;
    await vi.waitFor(async () => expect(await scopeOf()).toBeGreaterThan(0), WAIT);
    (stores[1] as MemoryStore).clear();
    await vi.waitFor(async () => expect((await stores[1]!.read([])).meta).not.toBeNull(), WAIT);
    expect(await scopeOf()).toBeGreaterThan(0);
    end();
    await long;
  });

  it('proves its staleness bound, and a bounded read says so or asks the source', async () => {
    const { nodes, set } = await region();
    await set(0, 1);
    const eu = nodes[1]!;
    await vi.waitFor(async () => {
      const result = await eu.read(products, { id: 1 }, { consistency: bounded('1s') });
      expect(result).toMatchObject({ tier: 'l1', why: 'fresh', value: { stock: 1 } });
      expect(result.stalenessBoundMs).toBeLessThanOrEqual(1_000);
    }, WAIT);
    await vi.waitFor(() => expect(eu.stats().stalenessBoundMs).toBeLessThan(500), WAIT);
  });

  it('can fail instead of asking the source when nothing is proven', async () => {
    const mesh = memoryMesh({ runtime: systemRuntime, regions: ['us'] });
    const source = memorySource({ runtime: systemRuntime });
    const store = memoryStore({ runtime: systemRuntime });
    const parts = { keyspaces: [products], store, source, bus: mesh.bus('us') };
    opened.push(source, parts.bus);
    await store.initialise('life', { era: 1, xid: 1 });
    const writer = await open({ ...parts, roles: { relay: false, applier: false } });
    await writer.write(async (tx) => tx.set('product:1', { id: 1, stock: 1 }));
    const strict = bounded('1ms', { whenUnproven: 'fail' });
    const loaded = await writer.read(products, { id: 1 });
    expect(loaded.tier).toBe('source');
    expect((await writer.read(products, { id: 1 })).tier).toBe('l2');
    await expect(writer.get(products, { id: 1 }, { consistency: strict })).rejects.toMatchObject({
      code: 'E_STALENESS_UNPROVEN',
      key: 'product:1',
    });
    const lenient = { consistency: bounded('1ms', { whenUnproven: 'serve' }) } as const;
    const served = await writer.read(products, { id: 1 }, lenient);
    expect(served).toMatchObject({ tier: 'l2', why: 'unproven', value: { stock: 1 } });
    expect(served.stalenessBoundMs).toBe(Number.POSITIVE_INFINITY);
    expect((await writer.read(products, { id: 1 }, { consistency: bounded('1ms') })).tier).toBe('source');
  });

  it('hostile and foreign messages on its channels change nothing', async () => {
    const { nodes, set, bus } = await region();
    await set(0, 1);
    const eu = nodes[1]!;
    await vi.waitFor(async () => expect((await eu.read(products, { id: 1 })).tier).toBe('l1'), WAIT);
    for (const data of [
      '',
      '{',
      'null',
      '[]',
      '{"f":1,"k":"feed"}',
      '{"f":99,"k":"bump"}',
      '\u0000'.repeat(10),
    ]) {
      await bus.append({ data });
      for (const channel of ['feed', 'ping', 'hello', 'poke'] as const) bus.send(channel, { data });
    }
    await set(0, 2);
    await vi.waitFor(async () => expect((await eu.get(products, { id: 1 }))?.stock).toBe(2), WAIT);
    await vi.waitFor(() => expect(eu.stats().stalenessBoundMs).toBeLessThan(500), WAIT);
  });
});
