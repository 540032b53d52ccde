import { keyspace, type LoadContext, startNode, systemRuntime } from '@tidemark/core';
import { expect, it, vi } from 'vitest';
import { type MemoryDb, memoryMesh, memorySource, memoryStore } from '../src/index.ts';
import { Gate, WAIT } from './memory-region.ts';

/** I9, between processes: who finds a lease taken waits for its holder's fill. */
it('two nodes of a region that miss the same key load it once', async () => {
  const gate = new Gate();
  let loads = 0;
  const rows = keyspace({
    name: 'row',
    params: { id: 'int' },
    async load({ id }, { db }: LoadContext<MemoryDb>) {
      loads += 1;
      const row = await db.get<number>(`row:${id}`);
      await gate.pass();
      return row;
    },
  });
  const source = memorySource({ runtime: systemRuntime });
  const store = memoryStore({ runtime: systemRuntime });
  const mesh = memoryMesh({ runtime: systemRuntime, regions: ['us'] });
  const parts = { keyspaces: [rows], store, source, leaseWait: '20s' as const };
  const first = await startNode({ ...parts, bus: mesh.bus('us') });
  const second = await startNode({ ...parts, bus: mesh.bus('us') });
  try {
    await first.write((tx) => tx.set('row:1', 7));
    await vi.waitFor(() => expect(first.stats().stalenessBoundMs).toBeLessThan(1_000), WAIT);
    const reached = gate.shut();
    const one = first.get(rows, { id: 1 });
    await reached;
    const asked = vi.spyOn(store, 'lease');
    const other = second.get(rows, { id: 1 });
    // It was told that the lease is taken, and asks again.
    await vi.waitFor(() => expect(asked.mock.calls.length).toBeGreaterThan(1), WAIT);
    gate.open();
    expect([await one, await other]).toEqual([7, 7]);
    expect(loads).toBe(1);
  } finally {
    gate.open();
    await Promise.all([first.close(), second.close()]);
  }
});

it('nor does the second one load it that missed it before it was filled, and asks for the lease after', async () => {
  let loads = 0;
  const rows = keyspace({
    name: 'row',
    params: { id: 'int' },
    async load({ id }, { db }: LoadContext<MemoryDb>) {
      loads += 1;
      return db.get<number>(`row:${id}`);
    },
  });
  const source = memorySource({ runtime: systemRuntime });
  const store = memoryStore({ runtime: systemRuntime });
  const mesh = memoryMesh({ runtime: systemRuntime, regions: ['us'] });
  const gate = new Gate();
  const late = new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (name === 'lease') {
        return async (...args: Parameters<typeof store.lease>) => {
          await gate.pass();
          return target.lease(...args);
        };
      }
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
  const parts = { keyspaces: [rows], source };
  const first = await startNode({ ...parts, store, bus: mesh.bus('us') });
  const second = await startNode({ ...parts, store: late, bus: mesh.bus('us') });
  try {
    await first.write((tx) => Promise.all([1, 2, 3].map((id) => tx.set(`row:${id}`, id))));
    await vi.waitFor(() => expect(first.stats().stalenessBoundMs).toBeLessThan(1_000), WAIT);
    const reached = gate.shut();
    const one = second.get(rows, { id: 1 });
    const many = second.getMany(rows, [{ id: 2 }, { id: 3 }]);
    await reached;
    expect(await first.getMany(rows, [{ id: 1 }, { id: 2 }, { id: 3 }])).toEqual([1, 2, 3]);
    gate.open();
    expect([await one, await many]).toEqual([1, [2, 3]]);
    expect(loads).toBe(3);
    // The lease that was not needed is nobody's.
    expect(await store.lease('row:1', 'anybody', 1_000)).toEqual({ granted: true });
  } finally {
    gate.open();
    await Promise.all([first.close(), second.close()]);
  }
});
