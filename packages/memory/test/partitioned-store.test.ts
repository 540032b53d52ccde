import { storeDifferential, storeSuite } from '@tidemark/conformance';
import {
  bounded,
  keyspace,
  type LoadContext,
  partitionedStore,
  partitionOf,
  startNode,
  type Store,
  StoreUnavailableError,
  systemRuntime,
} from '@tidemark/core';
import { runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type MemoryDb, memoryStore, type MemoryStore } from '../src/index.ts';
import { type MemoryRegions, memoryRegions, WAIT } from './memory-region.ts';

const COUNT = 3;

storeSuite('partitioned', async (options) => {
  const parts = Array.from({ length: COUNT }, () => memoryStore({ runtime: systemRuntime, ...options }));
  const naive = new Map<string, string>();
  const store = partitionedStore(parts);
  return {
    store,
    naive: {
      get: async (key) => naive.get(key) ?? null,
      set: async (key, value) => void naive.set(key, value),
      del: async (key) => void naive.delete(key),
    },
    clear: async () => parts.forEach((part) => part.clear()),
    close: () => store.close(),
  };
});

let nowMs = 0;
storeDifferential('partitioned', async (options) => {
  const runtime = { ...systemRuntime, monoMs: () => nowMs };
  const parts = Array.from({ length: COUNT }, () => memoryStore({ runtime, ...options }));
  const store = partitionedStore(parts);
  nowMs = 0;
  return {
    store,
    naive: { get: async () => null, set: async () => {}, del: async () => {} },
    clear: async () => parts.forEach((part) => part.clear()),
    tick: (ms) => void (nowMs += ms),
    close: () => store.close(),
  };
});

describe('partitionOf', () => {
  it('is part of the format: these never change', () => {
    expect(['city:1', 'city:2', 'product:Grün', ''].map((key) => partitionOf(key, 256))).toEqual([
      32, 195, 203, 11,
    ]);
  });

  it('spreads keys that differ little', () => {
    fc.assert(
      fc.property(fc.constantFrom(3, 16, 64), fc.stringMatching(/^[a-z]{1,8}$/), (count, name) => {
        const sizes = Array.from({ length: count }, () => 0);
        for (let id = 0; id < 200 * count; id += 1) sizes[partitionOf(`${name}:${id}`, count)]! += 1;
        expect(Math.max(...sizes)).toBeLessThan(300);
        expect(Math.min(...sizes)).toBeGreaterThan(120);
      }),
      runs(30),
    );
  });

  it('of too few or too many is refused', () => {
    expect(() => partitionedStore([])).toThrow(/1 to 256/);
  });
});

describe('a region whose store has partitions', () => {
  const rows = keyspace({
    name: 'row',
    params: { id: 'int' },
    load: ({ id }, { db }: LoadContext<MemoryDb>) => db.get<number>(`row:${id}`),
  });
  const sums = keyspace({
    name: 'sum',
    params: { id: 'int' },
    dependsOn: () => IDS.map((id) => rows.key({ id })),
    load: async (_, { db }: LoadContext<MemoryDb>) => {
      const all = await Promise.all(IDS.map((id) => db.get<number>(`row:${id}`)));
      return all.reduce<number>((sum, each) => sum + (each ?? 0), 0);
    },
  });
  /** One key in each partition. */
  const IDS = Array.from({ length: COUNT }, (_, i) => {
    for (let id = 1; ; id += 1) if (partitionOf(`row:${id}`, COUNT) === i) return id;
  });
  let parts: MemoryStore[];
  let regions: MemoryRegions;

  beforeEach(async () => {
    parts = Array.from({ length: COUNT }, () => memoryStore({ runtime: systemRuntime }));
    regions = await memoryRegions([rows, sums], undefined, { us: partitionedStore(parts) });
    for (const id of IDS) await set(id, 1);
    for (const id of IDS) {
      await vi.waitFor(async () => expect((await regions.us.read(rows, { id })).tier).toBe('l1'), WAIT);
    }
    await proven();
  });
  afterEach(() => regions.close());

  const set = (id: number, value: number) => regions.eu.write(async (tx) => tx.set(`row:${id}`, value));
  const proven = (): Promise<void> =>
    vi.waitFor(() => expect(regions.us.stats().stalenessBoundMs).toBeLessThan(500), WAIT);
  const l2 = async (id: number): Promise<string> =>
    (await regions.deaf.read(rows, { id }, { consistency: 'eventual' })).tier;

  it('follows every key, and what depends on keys of several', async () => {
    await vi.waitFor(async () => expect(await regions.us.get(sums, { id: 1 })).toBe(COUNT), WAIT);
    await set(IDS[2]!, 5);
    await vi.waitFor(async () => expect(await regions.us.get(sums, { id: 1 })).toBe(COUNT + 4), WAIT);
    await vi.waitFor(async () => expect(await regions.us.get(rows, { id: IDS[2]! })).toBe(5), WAIT);
  });

  it('a keyspace is invalidated in all of them', async () => {
    await regions.eu.write(async (tx) => tx.bumpAll(rows));
    await vi.waitFor(async () => {
      for (const part of parts) expect((await part.read([])).meta?.scopes.get('row')).toBeGreaterThan(0);
    }, WAIT);
  });

  it('one that is away fails no key of the others, and their proof goes on', async () => {
    const away = new StoreUnavailableError('away');
    for (const method of ['read', 'apply', 'fill', 'raise', 'lease'] as const) {
      vi.spyOn(parts[1]!, method).mockRejectedValue(away);
    }
    await set(IDS[0]!, 7); // Something to apply.
    await vi.waitFor(async () => expect(await regions.us.get(rows, { id: IDS[0]! })).toBe(7), WAIT);
    expect(await l2(IDS[2]!)).toBe('l2');
    expect(await l2(IDS[1]!)).toBe('source');
    await proven();
    await set(IDS[1]!, 8);
    await vi.waitFor(async () => expect(await regions.us.get(rows, { id: IDS[1]! })).toBe(8), WAIT);
    vi.restoreAllMocks();
    // Back again: what it missed is brought before anybody is promised anything of it.
    const strict = { consistency: bounded('400ms', { whenUnproven: 'fail' }) } as const;
    await vi.waitFor(async () => expect(await l2(IDS[1]!)).toBe('l2'), WAIT);
    await vi.waitFor(async () => expect(await regions.us.get(rows, { id: IDS[1]! }, strict)).toBe(8), WAIT);
  });

  it('what came from one that is behind is not vouched for by a claim about the others', async () => {
    const id = IDS[1]!;
    await l2(id);
    // The new node reaches it, the applier does not.
    const [first, part, third] = parts as [MemoryStore, MemoryStore, MemoryStore];
    const reached = { read: part.read.bind(part), lease: part.lease.bind(part) } as unknown as Store;
    for (const method of ['read', 'apply', 'raise'] as const) {
      vi.spyOn(part, method).mockRejectedValue(new StoreUnavailableError('away'));
    }
    await set(id, 9);
    await set(IDS[0]!, 9);
    await vi.waitFor(() => expect(regions.us.peek(rows, { id })).toBeUndefined(), WAIT);
    const bus = regions.mesh.bus('us');
    const silent = vi.spyOn(bus, 'send').mockImplementation(() => {}); // It asks for no proof yet.
    const node = await startNode({
      keyspaces: [rows],
      store: partitionedStore([first, reached, third]),
      bus,
      source: regions.source,
      roles: { relay: false, applier: false },
      pingInterval: 50,
    });
    let seen: unknown;
    await vi.waitFor(async () => {
      seen = await node.read(rows, { id });
      expect(node.l1Entries().next().done).toBe(false);
    }, WAIT);
    silent.mockRestore();
    await vi.waitFor(() => expect(node.stats().stalenessBoundMs).toBeLessThan(500), WAIT);
    expect(seen).toMatchObject({ value: 1 });
    expect(await node.get(rows, { id }, { consistency: bounded('1h') })).toBe(9);
    await node.close();
    await bus.close();
  });

  it('one that is emptied starts anew by itself; the others keep their values', async () => {
    const before = (await parts[0]!.read([])).meta!;
    parts[1]!.clear();
    await set(IDS[0]!, 2);
    await vi.waitFor(async () => expect((await parts[1]!.read([])).meta).not.toBeNull(), WAIT);
    expect((await parts[0]!.read([])).meta).toMatchObject({ incarnation: before.incarnation, epoch: 0 });
    expect(await l2(IDS[2]!)).toBe('l2');
    await vi.waitFor(async () => expect(await l2(IDS[1]!)).toBe('l2'), WAIT);
    await proven();
  });
});
