import { keyspace, type LoadContext, startNode, systemRuntime, type TidemarkNode } from '@tidemark/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type MemoryDb, MemoryDatabase, memorySource, memoryStore, type MemoryTx } from '../src/index.ts';
import { Gate, type MemoryRegions, memoryRegions, WAIT } from './memory-region.ts';

interface Rule {
  readonly text: string;
}

const gate = new Gate();
const load = async ({ id }: { id: number }, { db }: LoadContext<MemoryDb>): Promise<Rule | null> => {
  await gate.pass();
  return db.get<Rule>(`rule:${id}`);
};
const options = { name: 'rule', params: { id: 'int' }, retain: 3, load } as const;
const rules = keyspace(options);
const ID = { id: 1 };

let database: MemoryDatabase;
let regions: MemoryRegions;
let us: TidemarkNode<MemoryTx>;
let eu: TidemarkNode<MemoryTx>;

beforeEach(async () => {
  database = new MemoryDatabase();
  regions = await memoryRegions([rules], memorySource({ database }));
  ({ us, eu } = regions);
  await vi.waitFor(() => expect(us.stats().stalenessBoundMs).toBeLessThan(1_000), WAIT);
});
afterEach(() => regions.close());

async function write(text: string | null, id = 1): Promise<number> {
  const { invalidations } = await us.write((tx) =>
    text === null ? tx.delete(`rule:${id}`) : tx.set(`rule:${id}`, { text }),
  );
  return invalidations[0]!.version.n;
}

/** Writes and reads, so that the value is in the history of us. */
async function publish(text: string | null): Promise<number> {
  const n = await write(text);
  expect((await us.get(rules, ID))?.text ?? null).toBe(text);
  return n;
}

async function reads(node: TidemarkNode<MemoryTx>, text: string | null): Promise<void> {
  await vi.waitFor(async () => expect((await node.get(rules, ID))?.text ?? null).toBe(text), WAIT);
}

async function history(): Promise<[number, boolean][]> {
  return (await us.versions(rules, ID)).map(({ version, current }) => [version.n, current]);
}

describe('rollback of a key', () => {
  it('brings the earlier value back in every region, over cold caches, until the next write', async () => {
    const good = await publish('good');
    const bad = await publish('bad');
    await reads(eu, 'bad');
    expect(await history()).toEqual([
      [bad, true],
      [good, false],
    ]);
    const { value, invalidations } = await us.rollback(rules, ID);
    expect(value).toEqual({ version: { era: 1, n: good } });
    expect(invalidations[0]!.version.n).toBeGreaterThan(bad);
    expect((await us.get(rules, ID))?.text).toBe('good');
    await reads(eu, 'good');
    for (const id of ['us', 'eu'] as const) regions.stores[id].clear();
    const cold = await startNode({
      keyspaces: [rules],
      store: regions.stores.us,
      source: memorySource({ database }),
    });
    expect((await cold.get(rules, ID))?.text).toBe('good');
    await cold.close();
    await publish('better');
    await reads(eu, 'better');
  });

  it('steps further back each time, and forward to what is named', async () => {
    const versions: number[] = [];
    for (const text of ['one', 'two', 'three', 'four', 'five']) versions.push(await publish(text));
    const [, two, three, four, five] = versions;
    expect((await history()).map(([n]) => n)).toEqual([five, four, three, two]);
    for (const text of ['four', 'three', 'two']) {
      await us.rollback(rules, ID);
      await reads(us, text);
    }
    expect(await history()).toEqual([
      [five, false],
      [four, false],
      [three, false],
      [two, true],
    ]);
    const gone = { code: 'E_VERSION_GONE', key: 'rule:1' };
    await expect(us.rollback(rules, ID)).rejects.toMatchObject(gone);
    await expect(us.rollback(rules, ID, { to: { era: 1, n: versions[0]! } })).rejects.toMatchObject(gone);
    await us.rollback(rules, ID, { to: { era: 1, n: five! } });
    await reads(us, 'five');
    await reads(eu, 'five');
  });

  it('wins over a late event of the write that it undoes', async () => {
    await publish('good');
    const { invalidations: late } = await us.write((tx) => tx.set('rule:1', { text: 'bad' }));
    await reads(us, 'bad');
    await us.rollback(rules, ID);
    for (const id of ['us', 'eu'] as const) await regions.stores[id].raise(late);
    await reads(us, 'good');
    await reads(eu, 'good');
    expect((await us.read(rules, ID)).value?.text).toBe('good');
  });

  it('is a write of a session, which sees it in every region at once', async () => {
    await publish('good');
    await publish('bad');
    await reads(eu, 'bad');
    regions.mesh.cut('eu');
    const { session } = await us.rollback(rules, ID);
    expect((await eu.get(rules, ID))?.text).toBe('bad');
    expect((await eu.get(rules, ID, { consistency: session }))?.text).toBe('good');
    expect((await eu.get(rules, ID, { consistency: 'latest' }))?.text).toBe('good');
  });

  it('goes back to absence, and to a value from absence', async () => {
    await publish('good');
    await publish(null);
    await publish('bad');
    await us.rollback(rules, ID);
    await reads(us, null);
    await reads(eu, null);
    await us.rollback(rules, ID);
    await reads(eu, 'good');
  });

  it('is refused when the key changes meanwhile', async () => {
    await publish('good');
    await publish('bad');
    const source = memorySource({ database });
    const pin = vi.spyOn(source.pins!, 'pin');
    const node = await startNode({ keyspaces: [rules], store: regions.stores.us, source });
    pin.mockImplementationOnce(async (...args) => {
      await write('meanwhile');
      return memorySource({ database }).pins!.pin(...args);
    });
    await expect(node.rollback(rules, ID)).rejects.toMatchObject({ code: 'E_ROLLBACK_CONFLICT' });
    await node.close();
    await reads(eu, 'meanwhile');
  });

  it('that a load does not see yet leaves nothing wrong behind', async () => {
    await publish('good');
    await publish('bad');
    const source = memorySource({ database });
    const store = regions.stores.us;
    const read = source.pins!.read.bind(source.pins);
    vi.spyOn(source.pins!, 'read').mockImplementationOnce(async (keys) => {
      const before = await read(keys);
      const { invalidations } = await us.rollback(rules, ID);
      await store.raise(invalidations);
      return before;
    });
    const node = await startNode({ keyspaces: [rules], store, source });
    await store.raiseEpoch((await source.labels([])).asOf);
    // Asked before the rollback, it may be of before the rollback; but nobody else may get it.
    expect((await node.get(rules, ID))?.text).toBe('bad');
    expect((await node.get(rules, ID))?.text).toBe('good');
    await reads(us, 'good');
    await node.close();
  });

  it('works in batched loads, for the keys that were rolled back', async () => {
    const loadMany = vi.fn(async (all: readonly { id: number }[], { db }: LoadContext<MemoryDb>) =>
      Promise.all(all.map(({ id }) => db.get<Rule>(`rule:${id}`))),
    );
    const batched = keyspace({ ...options, loadMany });
    for (const id of [2, 3, 4]) await write(`good ${id}`, id);
    const source = memorySource({ database });
    const store = memoryStore({ runtime: systemRuntime });
    await store.initialise('life', (await source.labels([])).asOf);
    const node = await startNode({ keyspaces: [batched], store, source });
    const ids = [2, 3, 4].map((id) => ({ id }));
    const texts = async (): Promise<(string | undefined)[]> =>
      (await node.getMany(batched, ids)).map((rule) => rule?.text);
    await texts();
    await write('bad 3', 3);
    await store.raise([{ key: 'rule:3', version: (await source.labels(['rule:3'])).versions[0]! }]);
    expect(await texts()).toEqual(['good 2', 'bad 3', 'good 4']);
    await node.rollback(batched, { id: 3 });
    await store.raiseEpoch((await source.labels([])).asOf);
    loadMany.mockClear();
    expect(await texts()).toEqual(['good 2', 'good 3', 'good 4']);
    expect(loadMany.mock.calls.map(([all]) => all)).toEqual([[{ id: 2 }, { id: 4 }]]);
    await node.close();
  });
});

describe('the history of a key', () => {
  it('has no value under a version that is older than the value', async () => {
    const first = await publish('first');
    await write('second');
    // The load has its label when the gate shuts; the row that it reads is newer.
    const reached = gate.shut();
    const late = eu.get(rules, ID);
    await reached;
    const third = await write('third');
    gate.open();
    expect((await late)?.text).toBe('third');
    await reads(us, 'third');
    await reads(eu, 'third');
    expect(await history()).toEqual([
      [third, true],
      [first, false],
    ]);
    // eu cached it under the older version, as it may; once that is invalidated, it knows better.
    await vi.waitFor(async () => {
      await eu.get(rules, ID);
      const kept = await regions.stores.eu.retained('rule:1');
      expect(kept.map(({ version }) => version.n)).toEqual([third]);
    }, WAIT);
  });

  it('has nothing of a future that the source abandoned', async () => {
    const kept = await publish('kept');
    const checkpoint = database.checkpoint();
    const abandoned = await publish('abandoned');
    database.restore(checkpoint);
    expect(await history()).toEqual([]);
    await expect(us.rollback(rules, ID, { to: { era: 1, n: abandoned } })).rejects.toMatchObject({
      code: 'E_VERSION_GONE',
    });
    await vi.waitFor(async () => {
      expect((await regions.stores.us.read([])).meta?.horizon.era).toBe(2);
      expect((await us.get(rules, ID))?.text).toBe('kept');
      expect(await history()).toEqual([[kept, true]]);
    }, WAIT);
    await expect(us.rollback(rules, ID)).rejects.toMatchObject({ code: 'E_VERSION_GONE' });
  });

  it('and what is pinned belong to one schema', async () => {
    const good = await publish('good');
    await publish('bad');
    await us.rollback(rules, ID);
    await reads(us, 'good');
    const next = keyspace({ ...options, schemaVersion: 2 });
    const node = await startNode({
      keyspaces: [next],
      store: regions.stores.us,
      source: memorySource({ database }),
    });
    expect((await node.get(next, ID))?.text).toBe('bad');
    expect((await node.versions(next, ID)).map(({ version }) => version.n)).not.toContain(good);
    await node.close();
  });

  it('is kept only where it is asked for, and only of loads that a store took part in', async () => {
    const retain = vi.spyOn(regions.stores.us, 'retain');
    const plain = keyspace({ name: 'plain', params: { id: 'int' }, load: async () => ({ text: 'x' }) });
    const source = memorySource({ database });
    const pins = vi.spyOn(source.pins!, 'read');
    const node = await startNode({ keyspaces: [plain, rules], store: regions.stores.us, source });
    await node.get(plain, ID);
    expect(pins).not.toHaveBeenCalled();
    expect(retain).not.toHaveBeenCalled();
    for (const ask of [() => node.versions(plain, ID), () => node.rollback(plain, ID)])
      await expect(ask()).rejects.toMatchObject({ code: 'E_CONFIGURATION' });
    retain.mockRejectedValue(new Error('away'));
    await write('first');
    expect((await node.get(rules, ID))?.text).toBe('first');
    expect(retain).toHaveBeenCalledTimes(1);
    await node.close();
  });

  it('needs a store and a source that keeps rollbacks', async () => {
    const source = memorySource({ database });
    await expect(startNode({ keyspaces: [rules], source })).rejects.toThrow(/retain needs/);
    for (const retain of [-1, 1.5, 17]) {
      expect(() => keyspace({ ...options, retain })).toThrow(/whole number from 0 to 16/);
    }
  });
});
