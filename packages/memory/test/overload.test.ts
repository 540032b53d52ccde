import { keyspace } from '@tidemark/core';
import { afterEach, describe, expect, it } from 'vitest';
import { SlowLoader, type VirtualRegion, virtualRegion } from './read-harness.ts';

let region: VirtualRegion;
const loader = new SlowLoader(() => region.runtime);
const other = new SlowLoader(() => region.runtime);
const rows = keyspace({ name: 'row', params: { id: 'int' }, load: loader.load, ttl: '1m' });
const calm = keyspace({ name: 'calm', params: { id: 'int' }, load: other.load, ttl: '1m' });

async function start(options: Partial<Parameters<typeof virtualRegion>[0]> = {}): Promise<void> {
  Object.assign(loader, { takesMs: 0, failing: null, value: 'first' });
  loader.loaded.length = 0;
  region = await virtualRegion({ keyspaces: [rows, calm], ...options });
}

afterEach(() => region.close());

const get = (id: number) => region.runtime.settle(region.nodes[0]!.get(rows, { id }));

describe('a source that fails', () => {
  it('is left alone after some failures in a row, one keyspace by itself, until a probe succeeds', async () => {
    await start({ sourceBreaker: { failures: 3, resetAfter: '1s' } });
    loader.failing = new Error('the database is down');
    for (let id = 0; id < 3; id += 1) await expect(get(id)).rejects.toThrow('the database is down');
    await expect(get(3)).rejects.toMatchObject({
      code: 'E_CIRCUIT_OPEN',
      keyspace: 'row',
      cause: { message: 'the database is down' },
    });
    expect(loader.loaded).toHaveLength(3);
    expect(await region.runtime.settle(region.nodes[0]!.get(calm, { id: 1 }))).toBe('first 1');
    // One probe; all others are spared, until it says that the source is back.
    await region.runtime.advance(1_000);
    Object.assign(loader, { failing: null, takesMs: 50 });
    const all = Promise.allSettled([4, 5, 6, 7].map((id) => region.nodes[0]!.get(rows, { id })));
    const settled = await region.runtime.settle(all);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected']);
    expect(loader.loaded).toHaveLength(4);
    expect(await get(5)).toBe('first 5');
  });

  it('is not blamed for what the keyspace rejects', async () => {
    const strict = keyspace({
      name: 'row',
      params: { id: 'int' },
      load: async () => 'anything',
      schema: {
        '~standard': { version: 1, vendor: 'test', validate: () => ({ issues: [{ message: 'no' }] }) },
      },
    });
    await start({ keyspaces: [strict], sourceBreaker: { failures: 1, resetAfter: '1s' } });
    for (let id = 0; id < 3; id += 1) {
      await expect(region.runtime.settle(region.nodes[0]!.get(strict, { id }))).rejects.toMatchObject({
        code: 'E_SCHEMA',
      });
    }
  });

  it('hanging, holds no more loads than allowed; the rest waits, and what is above that is shed at once', async () => {
    await start({ loadConcurrencyMax: 2, loadQueueMax: 3, sourceBreaker: false });
    loader.takesMs = 1_000;
    const all = Array.from({ length: 8 }, (_, id) => region.nodes[0]!.get(rows, { id }));
    const settled = await region.runtime.settle(Promise.allSettled(all));
    expect(settled.map(({ status }) => status === 'fulfilled')).toEqual([
      true,
      true,
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(settled.at(-1)).toMatchObject({ reason: { code: 'E_OVERLOADED' } });
    expect(loader.loaded).toHaveLength(5);
  });
});

describe('a store that fails', () => {
  it('is left alone after some failures in a row; reads go on from the source, and come back', async () => {
    await start({ storeBreaker: { failures: 3, resetAfter: '1s' } });
    region.fail(true);
    const readsOfStore = (): number => region.asked.get('read') ?? 0;
    const node = region.nodes[0]!;
    const consistency = 'eventual';
    for (let id = 0; id < 20; id += 1) {
      expect(await region.runtime.settle(node.get(rows, { id }, { consistency }))).toBe(`first ${id}`);
    }
    expect(node.stats().storeErrors).toBe(20);
    const during = readsOfStore();
    for (let id = 100; id < 120; id += 1) await get(id);
    // The applier asks for itself; no reader did.
    expect(readsOfStore() - during).toBe(0);
    region.fail(false);
    await region.runtime.advance(1_000);
    await get(200);
    expect(await region.runtime.settle(node.read(rows, { id: 201 }))).toMatchObject({ why: 'absent' });
  });
});
