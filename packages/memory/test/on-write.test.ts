import { keyspace, type LoadContext } from '@tidemark/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { MemoryDb } from '../src/index.ts';
import { Gate, type MemoryRegions, memoryRegions, WAIT } from './memory-region.ts';

interface Row {
  readonly text: string;
}

const loads: string[] = [];
const gate = new Gate();

function family(name: string, onWrite: 'update' | 'refresh') {
  return keyspace({
    name,
    params: { id: 'int' },
    onWrite,
    async load({ id }, { db }: LoadContext<MemoryDb>) {
      const row = await db.get<Row>(`${name}:${id}`);
      loads.push(`${name}:${id} ${row?.text.slice(0, 9)}`);
      await gate.pass();
      return row;
    },
  });
}
const shipped = family('shipped', 'update');
const hot = family('hot', 'refresh');
const lists = keyspace({
  name: 'list',
  params: { id: 'int' },
  onWrite: 'refresh',
  dependsOn: ({ id }) => [hot.key({ id })],
  load: async ({ id }, { db }: LoadContext<MemoryDb>) => [(await db.get<Row>(`hot:${id}`))?.text],
});

let regions: MemoryRegions;
beforeEach(async () => {
  regions = await memoryRegions([shipped, hot, lists]);
  for (const node of [regions.us, regions.eu]) {
    await vi.waitFor(() => expect(node.stats().stalenessBoundMs).toBeLessThan(500), WAIT);
  }
  loads.length = 0;
});
afterEach(() => regions.close());

async function set(node: 'us' | 'eu', key: string, text: string): Promise<void> {
  await regions[node].write(async (tx) => tx.set(key, { text }));
}

/** What a store holds for the key at its tidemark, or null. */
async function held(region: 'us' | 'eu', key: string): Promise<unknown> {
  const [record] = (await regions.stores[region].read([key])).records;
  if (!record?.value?.data || record.value.version.n < record.tidemark.n) return null;
  return JSON.parse(new TextDecoder().decode(record.value.data));
}

describe("onWrite: 'update'", () => {
  it('leaves no miss behind, in any region, and costs one load', async () => {
    await set('eu', 'shipped:1', 'new');
    for (const region of ['us', 'eu'] as const) {
      await vi.waitFor(async () => expect(await held(region, 'shipped:1')).toEqual({ text: 'new' }), WAIT);
      const { tier, value } = await regions[region].read(shipped, { id: 1 });
      expect([tier === 'source', value]).toEqual([false, { text: 'new' }]);
    }
    expect(loads).toEqual(['shipped:1 new']);
  });

  it('ships absence as well', async () => {
    await set('eu', 'shipped:1', 'new');
    await regions.eu.write(async (tx) => tx.delete('shipped:1'));
    await vi.waitFor(async () => {
      const [record] = (await regions.stores.us.read(['shipped:1'])).records;
      expect(record?.value).toMatchObject({ data: null, version: record?.tidemark });
    }, WAIT);
  });

  it('a value that was overtaken on its way is refused, whatever comes first', async () => {
    const reached = gate.shut();
    await set('eu', 'shipped:1', 'first');
    await reached; // Its reload has read the first value.
    await set('us', 'shipped:1', 'second');
    await vi.waitFor(async () => expect(await held('us', 'shipped:1')).toEqual({ text: 'second' }), WAIT);
    gate.open();
    await vi.waitFor(async () => expect(await held('eu', 'shipped:1')).toEqual({ text: 'second' }), WAIT);
    expect(await regions.us.get(shipped, { id: 1 })).toEqual({ text: 'second' });
    expect(await regions.eu.get(shipped, { id: 1 })).toEqual({ text: 'second' });
  });

  it('does not ship what is too big: the peers load it', async () => {
    await set('eu', 'shipped:1', 'x'.repeat(20_000));
    await vi.waitFor(async () => expect(await held('eu', 'shipped:1')).not.toBeNull(), WAIT);
    await vi.waitFor(async () => {
      const [record] = (await regions.stores.us.read(['shipped:1'])).records;
      expect(record?.tidemark.n).toBe(1);
    }, WAIT);
    expect((await regions.us.get(shipped, { id: 1 }))?.text).toHaveLength(20_000);
    expect(loads).toHaveLength(2);
  });

  it('takes no value for a keyspace that does not ask for it, or of another schema', async () => {
    const bus = regions.mesh.bus('eu');
    const values = [
      ['hot:1', 1, 7, 0, 1, 99, 1, 'Int9'],
      ['other:1', 1, 7, 0, 1, 99, 1, 'Int9'],
      ['shipped:1', 1, 7, 0, 1, 99, 2, 'Int9'],
    ];
    await bus.append({ data: JSON.stringify({ f: 1, k: 'update', va: values }) });
    const keys = ['hot:1', 'other:1', 'shipped:1'];
    await vi.waitFor(async () => {
      const { records } = await regions.stores.us.read(keys);
      expect(records.map((record) => record?.tidemark.n)).toEqual([7, 7, 7]);
    }, WAIT);
    await set('eu', 'shipped:2', 'later'); // Comes after it on the same stream.
    await vi.waitFor(async () => expect(await held('us', 'shipped:2')).not.toBeNull(), WAIT);
    const { records } = await regions.stores.us.read(keys);
    expect(records.map((record) => record?.value)).toEqual([null, null, null]);
    await bus.close();
  });
});

describe("onWrite: 'refresh'", () => {
  it('reloads what was in L1, everywhere, once per region, and nothing else', async () => {
    await set('us', 'hot:1', 'old');
    for (const node of [regions.us, regions.eu]) {
      await vi.waitFor(async () => expect((await node.read(hot, { id: 1 })).tier).toBe('l1'), WAIT);
    }
    loads.length = 0;
    await regions.eu.write(async (tx) => {
      await tx.set('hot:1', { text: 'new' });
      await tx.set('hot:2', { text: 'cold' });
    });
    for (const node of [regions.us, regions.eu]) {
      await vi.waitFor(() => expect(node.peek(hot, { id: 1 })).toEqual({ text: 'new' }), WAIT);
      expect(node.peek(hot, { id: 2 })).toBeUndefined();
    }
    expect(loads).toEqual(['hot:1 new', 'hot:1 new']);
  });

  it('reloads what was made from what changed', async () => {
    await set('us', 'hot:1', 'old');
    await vi.waitFor(async () => expect((await regions.us.read(lists, { id: 1 })).tier).toBe('l1'), WAIT);
    await set('eu', 'hot:1', 'new');
    await vi.waitFor(() => expect(regions.us.peek(lists, { id: 1 })).toEqual(['new']), WAIT);
  });

  it('a reload that is overtaken is followed by another', async () => {
    await set('us', 'hot:1', 'old');
    await vi.waitFor(async () => expect((await regions.us.read(hot, { id: 1 })).tier).toBe('l1'), WAIT);
    const reached = gate.shut();
    await set('us', 'hot:1', 'first');
    await reached;
    await set('us', 'hot:1', 'second');
    gate.open();
    await vi.waitFor(
      async () => expect(await regions.us.get(hot, { id: 1 })).toEqual({ text: 'second' }),
      WAIT,
    );
    await vi.waitFor(() => expect(regions.us.peek(hot, { id: 1 })).toEqual({ text: 'second' }), WAIT);
  });
});
