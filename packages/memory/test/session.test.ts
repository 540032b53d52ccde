import { bounded, keyspace, type LoadContext, startNode, tag } from '@tidemark/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { MemoryDb } from '../src/index.ts';
import { Gate, type MemoryRegions, memoryRegions, WAIT } from './memory-region.ts';

interface Row {
  readonly n: number;
}

const gate = new Gate();
const loads: string[] = [];
const rows = keyspace({
  name: 'row',
  params: { id: 'int' },
  async load({ id }, { db }: LoadContext<MemoryDb>) {
    const row = await db.get<Row>(`row:${id}`);
    loads.push(`row:${id}`);
    await gate.pass();
    return row;
  },
});
const pages = keyspace({
  name: 'page',
  params: { id: 'int' },
  dependsOn: ({ id }) => [rows.key({ id }), tag('layout')],
  load: async ({ id }, { db }: LoadContext<MemoryDb>) => ({
    shows: (await db.get<Row>(`row:${id}`))?.n ?? 0,
  }),
});

let regions: MemoryRegions;
beforeEach(async () => {
  regions = await memoryRegions([rows, pages]);
  await regions.eu.write(async (tx) => tx.set('row:1', { n: 1 }));
  for (const node of [regions.us, regions.eu]) {
    await vi.waitFor(async () => expect((await node.read(rows, { id: 1 })).tier).toBe('l1'), WAIT);
    await vi.waitFor(async () => expect((await node.read(pages, { id: 1 })).tier).toBe('l1'), WAIT);
  }
  loads.length = 0;
});
afterEach(async () => {
  endIsolation();
  await regions.close();
});

let endIsolation = (): void => {};

const set = (n: number) => regions.eu.write(async (tx) => tx.set('row:1', { n }));

/** us hears of nothing any more: not from its own relay, nor from the peer. */
function isolate(): void {
  regions.mesh.cut('us');
  const held = new Promise<never>((_, reject) => {
    endIsolation = () => reject(new Error('the test is over'));
  });
  held.catch(() => {});
  vi.spyOn(regions.stores.us, 'apply').mockImplementation(() => held);
}

describe('session', () => {
  it('reads what it wrote, in a region that has not heard of it; others go on with the old value', async () => {
    isolate();
    const { session } = await set(2);
    const handedOn = regions.us.session(session.token());
    expect(await regions.us.get(rows, { id: 1 })).toEqual({ n: 1 });
    expect(await regions.us.get(rows, { id: 1 }, { consistency: handedOn })).toEqual({ n: 2 });
    expect(loads).toEqual(['row:1']);
  });

  it('never goes back after it saw something newer elsewhere', async () => {
    isolate();
    await set(2);
    const session = regions.eu.session();
    expect(await regions.eu.get(rows, { id: 1 }, { consistency: session })).toEqual({ n: 2 });
    expect(await regions.us.get(rows, { id: 1 }, { consistency: session })).toEqual({ n: 2 });
    expect(await regions.eu.get(rows, { id: 1 }, { consistency: session })).toEqual({ n: 2 });
  });

  it('costs nothing while the region keeps up: L1 answers', async () => {
    const session = regions.us.session();
    expect(regions.us.peek(rows, { id: 1 }, { consistency: session })).toEqual({ n: 1 });
    expect(session.knows).toBe(true);
    expect((await regions.us.read(rows, { id: 1 }, { consistency: session })).tier).toBe('l1');
  });

  it('sees through what a value was made from', async () => {
    isolate();
    const { session } = await set(2);
    expect(await regions.us.get(pages, { id: 1 })).toEqual({ shows: 1 });
    expect(await regions.us.get(pages, { id: 1 }, { consistency: session })).toEqual({ shows: 2 });
  });

  it('remembers that it invalidated a keyspace or a tag', async () => {
    isolate();
    const { session } = await regions.eu.write(async (tx) => tx.bumpAll(rows));
    await regions.us.get(rows, { id: 1 });
    expect(loads).toEqual([]);
    await regions.us.get(rows, { id: 1 }, { consistency: session });
    expect(loads).toEqual(['row:1']);
    const { session: other } = await regions.eu.write(async (tx) => tx.invalidateTag('layout'));
    expect((await regions.us.read(pages, { id: 1 }, { consistency: other })).tier).toBe('source');
  });

  it('does not join a load that began before the session wrote', async () => {
    isolate();
    await regions.stores.us.raise([{ key: 'row:1', version: { era: 1, n: 1 } }]);
    const slow = keyspace({ ...loaderOf(), name: 'slow', params: { id: 'int' } });
    const other = await memoryRegions([slow]);
    const reached = gate.shut();
    const early = other.us.get(slow, { id: 1 });
    await reached;
    const { session } = await other.us.write(async (tx) => tx.set('slow:1', { n: 5 }), {});
    const late = other.us.get(slow, { id: 1 }, { consistency: session });
    await new Promise((resolve) => setImmediate(resolve));
    gate.open();
    expect(await early).toBeNull();
    expect(await late).toEqual({ n: 5 });
    await other.close();
  });

  it('after it forgot most of a thousand keys it is still right, and asks the primary for versions, not values', async () => {
    const session = regions.eu.session();
    const ids = Array.from({ length: 100 }, (_, i) => i + 100); // None that L1 holds an older value of.
    for (const id of ids) await regions.eu.write(async (tx) => tx.set(`row:${id}`, { n: id }), { session });
    await vi.waitFor(async () => {
      const { records } = await regions.stores.us.read(ids.map((id) => `row:${id}`));
      expect(records.every((record) => record !== null)).toBe(true);
    }, WAIT);
    await Promise.all(ids.map((id) => regions.us.get(rows, { id })));
    loads.length = 0;
    const later = regions.us.session(session.token());
    for (const id of ids) {
      expect(await regions.us.get(rows, { id }, { consistency: later })).toEqual({ n: id });
    }
    expect(loads).toEqual([]);
  });

  it('of nodes without a source, or of other secrets, is refused with a code', async () => {
    const node = await startNode({ keyspaces: [rows], sessionSecrets: ['a secret of another service'] });
    expect(() => node.session(regions.us.session().token())).toThrow(
      expect.objectContaining({ code: 'E_SESSION_TOKEN' }),
    );
    await expect(node.get(rows, { id: 1 }, { consistency: 'latest' })).rejects.toMatchObject({
      code: 'E_CONFIGURATION',
    });
    await node.close();
    await expect(startNode({ keyspaces: [], sessionSecrets: ['short'] })).rejects.toThrow(/16 characters/);
  });
});

function loaderOf() {
  return {
    async load({ id }: { id: number }, { db }: LoadContext<MemoryDb>) {
      const row = await db.get<Row>(`slow:${id}`);
      await gate.pass();
      return row;
    },
  };
}

describe('latest', () => {
  it('serves a cached value that the primary vouches for, without a load', async () => {
    const result = await regions.us.read(rows, { id: 1 }, { consistency: 'latest' });
    expect(result).toMatchObject({ tier: 'l1', why: 'fresh', value: { n: 1 } });
    expect(result.stalenessBoundMs).toBeLessThan(5_000);
    expect((await regions.deaf.read(rows, { id: 1 }, { consistency: 'latest' })).tier).toBe('l2');
    expect(loads).toEqual([]);
  });

  it('loads what moved, however far behind the region is, and with it what was made from it', async () => {
    isolate();
    await set(2);
    expect(await regions.us.get(rows, { id: 1 })).toEqual({ n: 1 });
    expect(await regions.us.get(pages, { id: 1 }, { consistency: 'latest' })).toEqual({ shows: 2 });
    expect(await regions.us.get(rows, { id: 1 }, { consistency: 'latest' })).toEqual({ n: 2 });
    expect(await regions.deaf.get(rows, { id: 1 }, { consistency: 'latest' })).toEqual({ n: 2 });
  });

  it('what it found is not forgotten by the reads after it, even if it could not be kept', async () => {
    isolate();
    await set(2);
    vi.spyOn(regions.stores.us, 'fill').mockResolvedValueOnce('base');
    expect(await regions.us.get(rows, { id: 1 }, { consistency: 'latest' })).toEqual({ n: 2 });
    expect(regions.us.peek(rows, { id: 1 })).toBeUndefined();
  });

  it('nor is what the store told while it was asked for something else', async () => {
    isolate();
    await set(2);
    await regions.deaf.get(rows, { id: 1 }, { consistency: 'latest' });
    expect(regions.us.peek(rows, { id: 1 })).toEqual({ n: 1 });
    const strict = bounded('1ms', { whenUnproven: 'fail' });
    await expect(regions.us.get(rows, { id: 1 }, { consistency: strict })).rejects.toMatchObject({
      code: 'E_STALENESS_UNPROVEN',
    });
    expect(regions.us.peek(rows, { id: 1 })).toBeUndefined();
  });

  it('of many keys at once asks the primary once', async () => {
    const labels = vi.spyOn(regions.source, 'labels');
    await regions.us.getMany(rows, [{ id: 1 }, { id: 1 }, { id: 1 }], { consistency: 'latest' });
    expect(labels).toHaveBeenCalledTimes(1);
  });

  it('fails with the error of the source when that is away', async () => {
    vi.spyOn(regions.source, 'labels').mockRejectedValueOnce(new Error('away'));
    await expect(regions.us.get(rows, { id: 1 }, { consistency: 'latest' })).rejects.toThrow('away');
  });
});
