import { keyspace, type LoadContext, startNode } from '@tidemark/core';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { MemoryDb, MemoryTx } from '../src/index.ts';
import { Gate, type MemoryRegions, memoryRegions, WAIT } from './memory-region.ts';

const KEY = 'shipped:1';
const gate = new Gate();

/** The keyspace as a release of this schema version has it. */
function release(schemaVersion: number, pass = async (): Promise<void> => {}) {
  return keyspace({
    name: 'shipped',
    params: { id: 'int' },
    schemaVersion,
    onWrite: 'update',
    async load({ id }, { db }: LoadContext<MemoryDb>) {
      const row = await db.get<string>(`shipped:${id}`);
      await pass();
      return row && { [`shape ${schemaVersion}`]: row };
    },
  });
}
const old = release(1, () => gate.pass());
const next = release(2);

let regions: MemoryRegions;
beforeEach(async () => {
  regions = await memoryRegions([old]);
  for (const node of [regions.us, regions.eu]) {
    await vi.waitFor(() => expect(node.stats().stalenessBoundMs).toBeLessThan(500), WAIT);
  }
});
afterEach(() => regions.close());

async function held(schema: number): Promise<unknown> {
  const value = (await regions.stores.us.read([KEY], schema)).records[0]?.value;
  return value?.schema === schema && value.data && JSON.parse(new TextDecoder().decode(value.data));
}

it('a value that is shipped goes beside that of a release which was first', async () => {
  const { source, stores } = regions;
  const newer = await startNode<MemoryDb, MemoryTx>({ keyspaces: [next], store: stores.us, source });
  try {
    const loaded = gate.shut();
    await regions.eu.write((tx) => tx.set(KEY, 'new'));
    await loaded;
    await vi.waitFor(async () => expect((await stores.us.read([KEY])).records[0]).not.toBeNull(), WAIT);
    expect(await newer.get(next, { id: 1 })).toEqual({ 'shape 2': 'new' });
    expect([await held(2), await held(1)]).toEqual([{ 'shape 2': 'new' }, false]);
    gate.open();
    await vi.waitFor(async () => expect(await held(1)).toEqual({ 'shape 1': 'new' }), WAIT);
    expect(await held(2)).toEqual({ 'shape 2': 'new' });
  } finally {
    gate.open();
    await newer.close();
  }
});
