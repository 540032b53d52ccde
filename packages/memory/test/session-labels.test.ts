import { keyspace, type LoadContext, StoreUnavailableError } from '@tidemark/core';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { MemoryDb } from '../src/index.ts';
import { Gate, type MemoryRegions, memoryRegions, WAIT } from './memory-region.ts';

interface Row {
  readonly n: number;
}

const gate = new Gate();
const rows = keyspace({
  name: 'row',
  params: { id: 'int' },
  async load({ id }, { db }: LoadContext<MemoryDb>) {
    await gate.pass(); // After the label, before the value.
    return db.get<Row>(`row:${id}`);
  },
});
const pages = keyspace({
  name: 'page',
  params: { id: 'int' },
  dependsOn: ({ id }) => [rows.key({ id })],
  async load({ id }, { db }: LoadContext<MemoryDb>) {
    await gate.pass();
    return { n: (await db.get<Row>(`row:${id}`))!.n };
  },
});

let regions: MemoryRegions;

/** us holds the old values, and hears of nothing any more. */
beforeEach(async () => {
  regions = await memoryRegions([rows, pages]);
  await regions.us.write(async (tx) => tx.set('row:1', { n: 1 }));
  for (const node of [regions.us, regions.eu]) {
    await vi.waitFor(() => expect(node.stats().stalenessBoundMs).toBeLessThan(500), WAIT);
  }
  for (const family of [rows, pages]) {
    await vi.waitFor(async () => expect((await regions.us.read(family, { id: 1 })).tier).toBe('l1'), WAIT);
  }
  regions.mesh.cut('us');
  vi.spyOn(regions.stores.us, 'apply').mockImplementation(() => new Promise<never>(() => {}));
});
afterEach(() => {
  vi.restoreAllMocks();
  return regions.close();
});

/** Starts a read in eu, and commits n = 2 after its label and before its value. */
async function overtaken(read: () => Promise<Row | null>): Promise<void> {
  const reached = gate.shut();
  const reading = read();
  await reached;
  // Committed, but not announced yet: no region has heard of it.
  await regions.source.transaction(async (tx) => tx.set('row:1', { n: 2 }));
  gate.open();
  expect(await reading).toEqual({ n: 2 });
}

it.each([
  ['a value', rows],
  ['what it was made from', pages],
] as const)(
  'a session that saw %s under a label that was too old does not go back elsewhere',
  async (_, family) => {
    const session = regions.eu.session();
    await overtaken(() => regions.eu.get(family, { id: 1 }, { consistency: session }));
    const handedOn = regions.us.session(session.token());
    expect(await regions.us.get(family, { id: 1 }, { consistency: handedOn })).toEqual({ n: 2 });
  },
);

it('a value under a label that was too old is nowhere kept, so that no session can see it there', async () => {
  await overtaken(() => regions.eu.get(rows, { id: 1 }));
  expect(regions.eu.peek(rows, { id: 1 })).toBeUndefined();
  const [record] = (await regions.stores.eu.read(['row:1'])).records;
  expect(record?.value ?? null).toBeNull();
});

it('nor in L1 while the store is away', async () => {
  vi.spyOn(regions.stores.eu, 'read').mockRejectedValue(new StoreUnavailableError('away'));
  await overtaken(() => regions.eu.get(rows, { id: 1 }));
  expect(regions.eu.peek(rows, { id: 1 })).toBeUndefined();
});

it('it is kept by the next load, during which nothing moves', async () => {
  await overtaken(() => regions.eu.get(rows, { id: 1 }));
  expect((await regions.eu.read(rows, { id: 1 })).tier).toBe('source');
  await vi.waitFor(async () => expect((await regions.eu.read(rows, { id: 1 })).tier).toBe('l1'), WAIT);
});
