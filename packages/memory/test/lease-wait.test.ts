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
