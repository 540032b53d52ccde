import { keyspace, type LoadContext } from '@tidemark/core';
import { expect, it, vi } from 'vitest';
import { type MemoryDb, memoryStore } from '../src/index.ts';
import { systemRuntime } from '@tidemark/core';
import { Gate, memoryRegions, WAIT } from './memory-region.ts';

const rows = keyspace({
  name: 'row',
  params: { id: 'int' },
  load: async (_, { db }: LoadContext<MemoryDb>) => db.get<number>('settings:1'),
});

/** A read meets the store after this node has told itself of its own write, and before it has told the store. */
it('keeps nothing of before its own invalidation of a keyspace', async () => {
  const gate = new Gate();
  const us = memoryStore({ runtime: systemRuntime });
  const { raise } = us;
  us.raise = async (invalidations) => {
    await gate.pass();
    await raise.call(us, invalidations);
  };
  const regions = await memoryRegions([rows], undefined, { us });
  try {
    await regions.us.write((tx) => tx.set('settings:1', 1));
    await vi.waitFor(() => expect(regions.us.stats().stalenessBoundMs).toBeLessThan(1_000), WAIT);
    expect(await regions.us.get(rows, { id: 1 })).toBe(1);
    const reached = gate.shut();
    const written = regions.us.write(async (tx) => {
      await tx.set('settings:1', 2);
      tx.bumpAll(rows);
    });
    await reached;
    // The store still has the old value; the write is not acknowledged yet, but this node knows of it.
    expect(await regions.us.get(rows, { id: 1 })).toBe(2);
    gate.open();
    await written;
    expect(await regions.us.get(rows, { id: 1 })).toBe(2);
  } finally {
    gate.open();
    await regions.close();
  }
});
