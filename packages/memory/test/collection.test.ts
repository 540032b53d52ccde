import {
  keyspace,
  startNode,
  systemRuntime,
  type Telemetry,
  noTelemetry,
  type TidemarkNode,
} from '@tidemark/core';
import { afterEach, expect, it, vi } from 'vitest';
import {
  MemoryDatabase,
  type MemoryDb,
  memoryMesh,
  memorySource,
  memoryStore,
  type MemoryTx,
} from '../src/index.ts';

const WAIT = { timeout: 10_000, interval: 5 };
const KEY = 'product:1';
const PRODUCT = { id: 1 };
const products = keyspace({
  name: 'product',
  params: { id: 'int' },
  load: ({ id }, { db }: { db: MemoryDb }) => db.get<string>(`product:${id}`),
});

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

/** A region whose node can stop and start again over what its store and stream kept. */
function region(database = new MemoryDatabase()) {
  const mesh = memoryMesh({ runtime: systemRuntime, regions: ['eu'] });
  const store = memoryStore({ runtime: systemRuntime });
  const source = memorySource({ database });
  const start = async (telemetry: Telemetry = noTelemetry): Promise<TidemarkNode<MemoryTx>> => {
    const node = await startNode({
      keyspaces: [products],
      store,
      bus: mesh.bus('eu'),
      source: memorySource({ database }),
      pingInterval: 20,
      telemetry,
    });
    opened.push(node);
    await vi.waitFor(() => expect(node.stats().stalenessBoundMs).toBeLessThan(1_000), WAIT);
    return node;
  };
  const write = (value: string | null) =>
    source.transaction((tx) => (value === null ? tx.delete(KEY) : tx.set(KEY, value)));
  return { database, store, start, write };
}

/** The value is served, and from the cache after that. */
async function settles(node: TidemarkNode<MemoryTx>, value: string | null): Promise<void> {
  await vi.waitFor(async () => {
    const read = await node.read(products, PRODUCT);
    expect([read.value, read.tier]).toEqual([value, 'l1']);
  }, WAIT);
}

it('a region that was away when a delete was collected starts over, and is none the worse', async () => {
  const { database, store, start, write } = region();
  await write('old');
  const first = await start();
  await settles(first, 'old');
  await first.close();
  const { epoch } = (await store.read([])).meta!;
  await write(null);
  expect(database.collect(10)).toBe(1);
  const second = await start();
  await settles(second, null);
  expect((await store.read([])).meta!.epoch).toBeGreaterThan(epoch);
  await write('again');
  await settles(second, 'again');
});

it('a relay whose cursor is older than what was collected goes on from where history begins', async () => {
  const { database, start, write } = region();
  await write('old');
  await settles(await start(), 'old');
  await opened.pop()!.close();
  expect(await memorySource({ database }).loadCursor('relay')).not.toBeNull();
  await write(null);
  expect(database.collect(10)).toBe(1);
  const record = vi.fn<Telemetry['record']>();
  const node = await start({ ...noTelemetry, record });
  // Behind the library's back: only the relay can bring it.
  await write('again');
  await vi.waitFor(() => expect(record).toHaveBeenCalledWith({ type: 'apply', from: 'eu', events: 1 }), WAIT);
  await settles(node, 'again');
});

it('a deleted key is cacheable while regions remember versions that the changelog forgot', async () => {
  const { database, store, start, write } = region();
  const node = await start();
  await write('old');
  await settles(node, 'old');
  await write(null);
  await settles(node, null);
  const tidemark = (await store.read([KEY])).records[0]!.tidemark;
  expect(database.collect(10)).toBe(1);
  // Everything but the tidemark expires.
  await store.raiseEpoch((await store.read([])).meta!.horizon);
  expect((await store.read([KEY])).records[0]!.tidemark).toEqual(tidemark);
  const other = await start();
  await settles(other, null);
  await write('again');
  await settles(other, 'again');
});

it('an insert under way through a delete, a collection and a negative entry ends all of them', async () => {
  const { database, start } = region();
  const node = await start();
  const source = memorySource({ database });
  await source.transaction((tx) => tx.delete('product:2'));
  let drawn = (): void => {};
  let finish = (): void => {};
  const hasDrawn = new Promise<void>((resolve) => {
    drawn = resolve;
  });
  const finishing = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const inserting = source.transaction(async (tx) => {
    await tx.set(KEY, 'new');
    drawn();
    await finishing;
  });
  await hasDrawn;
  await source.transaction((tx) => tx.delete('product:3'));
  database.collect(10);
  await settles(node, null);
  finish();
  await inserting;
  await settles(node, 'new');
});
