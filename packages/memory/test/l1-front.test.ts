import { bounded, keyspace } from '@tidemark/core';
import { afterEach, describe, expect, it } from 'vitest';
import { startNode } from '@tidemark/core';
import { SlowLoader, type VirtualRegion, virtualRegion } from './read-harness.ts';
import { VirtualRuntime } from './virtual-runtime.ts';

let region: VirtualRegion | null = null;
const loader = new SlowLoader(() => region!.runtime);
const PLAIN = { params: { id: 'int' }, ttl: '10s', ttlJitter: 0, earlyRefresh: false } as const;
const rows = keyspace({ name: 'row', load: loader.load, ...PLAIN });
const others = keyspace({ name: 'other', load: loader.load, ...PLAIN });

afterEach(async () => {
  await region?.close();
  region = null;
});

describe('entries that are at hand', () => {
  it('are gone at the moment in which L1 drops them: by a write, an event of a peer, the end of their TTL', async () => {
    region = await virtualRegion({ keyspaces: [rows], nodes: 2 });
    const { runtime, nodes } = region;
    const [own, peer] = nodes;
    const read = async (): Promise<void> => {
      for (const node of nodes) {
        await runtime.settle(node.get(rows, { id: 1 }));
        // The second one puts it at hand, the third finds it there.
        for (let i = 0; i < 3; i += 1) expect(node.peek(rows, { id: 1 })).toBe('first 1');
      }
    };
    await read();
    await runtime.settle(own!.write(async (tx) => tx.bump(rows, { id: 1 })));
    expect(own!.peek(rows, { id: 1 })).toBeUndefined();
    await runtime.advance(100);
    expect(peer!.peek(rows, { id: 1 })).toBeUndefined();
    await read();
    await runtime.advance(10_000);
    expect(nodes.map((node) => node.peek(rows, { id: 1 }))).toEqual([undefined, undefined]);
  });

  it('are kept by keyspace, and found by nothing but their integer', async () => {
    region = await virtualRegion({ keyspaces: [rows, others] });
    const [node] = region.nodes;
    await region.runtime.settle(node!.get(rows, { id: 0 }));
    for (let i = 0; i < 3; i += 1) expect(node!.peek(rows, { id: 0 })).toBe('first 0');
    expect(node!.peek(rows, { id: -0 })).toBe('first 0');
    expect(node!.peek(others, { id: 0 })).toBeUndefined();
    expect(node!.peek(rows, { id: 16_384 })).toBeUndefined();
    expect(node!.peek(rows, { id: -16_384 })).toBeUndefined();
    for (const id of ['0', 0.5, Number.NaN, null, undefined, {}, 2 ** 53]) {
      expect(() => node!.peek(rows, { id: id as number })).toThrow(
        expect.objectContaining({ code: 'E_KEY' }),
      );
    }
    expect(() => node!.peek(rows, undefined as never)).toThrow(expect.objectContaining({ code: 'E_KEY' }));
  });

  it('are found by each combination of their parameters', async () => {
    const shelves = keyspace({
      name: 'shelf',
      load: async ({ shop, id, open }) => `${shop} ${id} ${open}`,
      ...PLAIN,
      params: { shop: 'string', id: 'int', open: 'boolean' },
    });
    const texts = keyspace({
      name: 'text',
      load: async ({ text }) => `${text}`,
      ...PLAIN,
      params: { text: 'digest' },
    });
    const runtime = new VirtualRuntime();
    const node = await startNode({ keyspaces: [shelves, texts], runtime });
    const all = ['a', 'b', 'x'.repeat(200)].flatMap((shop) =>
      [0, 1, 32_768, -1].flatMap((id) => [true, false].map((open) => ({ shop, id, open }))),
    );
    for (const params of all) await node.get(shelves, params);
    for (let time = 0; time < 3; time += 1) {
      for (const params of all) {
        expect(node.peek(shelves, params)).toBe(`${params.shop} ${params.id} ${params.open}`);
      }
    }
    for (const wrong of [
      { open: 1 },
      { open: 0 },
      { id: '1' },
      { id: true },
      { shop: 1 },
      { shop: undefined },
    ]) {
      expect(() => node.peek(shelves, { ...all[0]!, ...wrong } as never)).toThrow(
        expect.objectContaining({ code: 'E_KEY' }),
      );
    }
    for (const text of ['a', 'A', 'x'.repeat(200)]) {
      await node.get(texts, { text });
      for (let time = 0; time < 3; time += 1) expect(node.peek(texts, { text })).toBe(text);
    }
    await node.close();
  });

  it('give their readers one promise, until they are dropped', async () => {
    region = await virtualRegion({ keyspaces: [rows] });
    const { runtime } = region;
    const [node] = region.nodes;
    for (let i = 0; i < 2; i += 1) await runtime.settle(node!.get(rows, { id: 1 }));
    const hit = node!.get(rows, { id: 1 });
    expect(node!.get(rows, { id: 1 })).toBe(hit);
    await runtime.settle(node!.write(async (tx) => tx.bump(rows, { id: 1 })));
    const miss = node!.get(rows, { id: 1 });
    expect(miss).not.toBe(hit);
    expect(await runtime.settle(miss)).toBe('first 1');
  });

  it('answer no read that asks for more than eventual consistency', async () => {
    region = await virtualRegion({ keyspaces: [rows] });
    const [node] = region.nodes;
    await region.runtime.settle(node!.get(rows, { id: 1 }));
    for (let i = 0; i < 3; i += 1) node!.peek(rows, { id: 1 });
    expect(node!.peek(rows, { id: 1 }, { consistency: 'latest' })).toBeUndefined();
    const consistency = bounded(1);
    await region.runtime.advance(50);
    expect(node!.peek(rows, { id: 1 }, { consistency })).toBeUndefined();
  });

  it('stay in L1 while they are read: the LRU hears of their hits', async () => {
    const runtime = new VirtualRuntime();
    const own = keyspace({ name: 'row', load: async ({ id }) => `row ${id}`, ...PLAIN });
    const node = await startNode({ keyspaces: [own], runtime, l1EntriesMax: 50 });
    await node.get(own, { id: 0 });
    for (let id = 1; id <= 1_000; id += 1) {
      await node.get(own, { id });
      expect(node.peek(own, { id: 0 }), `after ${id} others`).toBe('row 0');
    }
    expect(node.stats().l1Entries).toBe(50);
    await node.close();
    expect(() => node.peek(own, { id: 0 })).toThrow(expect.objectContaining({ code: 'E_CLOSED' }));
  });
});
