import { bounded, keyspace, type LoadContext, systemRuntime } from '@tidemark/core';
import { expect, it, vi } from 'vitest';
import type { MemoryDb } from '../src/index.ts';
import { memoryRegions, WAIT } from './memory-region.ts';

const rows = keyspace({
  name: 'row',
  params: { id: 'int' },
  load: ({ id }, { db }: LoadContext<MemoryDb>) => db.get<number>(`row:${id}`),
});

it('a bounded read takes nothing from L1 that nobody has proven for longer than its bound', async () => {
  const { us, eu, mesh, close } = await memoryRegions([rows]);
  try {
    await us.write((tx) => tx.set('row:1', 1));
    await vi.waitFor(() => expect(eu.stats().stalenessBoundMs).toBeLessThan(1_000), WAIT);
    await vi.waitFor(async () => {
      await eu.get(rows, { id: 1 });
      expect(eu.peek(rows, { id: 1 })).toBe(1);
    }, WAIT);
    mesh.cut('eu');
    await us.write((tx) => tx.set('row:1', 2));
    const writtenMs = systemRuntime.monoMs();
    // Its own region's feed goes on, and so does its L1; only proofs come no more, but for resyncs.
    expect(eu.peek(rows, { id: 1 })).toBe(1);
    await vi.waitFor(() => {
      expect(systemRuntime.monoMs() - writtenMs).toBeGreaterThan(60);
      expect(eu.stats().stalenessBoundMs).toBeGreaterThan(60);
    }, WAIT);
    const read = await eu.read(rows, { id: 1 }, { consistency: bounded(20) });
    expect(read).toMatchObject({ value: 2 });
  } finally {
    mesh.heal('eu');
    await close();
  }
});
