import { keyspace, type Store } from '@tidemark/core';
import { afterAll, beforeAll, beforeEach, expect, it, type MockInstance, vi } from 'vitest';
import { type Item, type OpenNode, Regions } from './regions-harness.ts';

const NODES = 4;
const CALLERS = 1_000;
const WAIT = { timeout: 20_000, interval: 10 };

let regions: Regions;
let nodes: OpenNode[];
let asked: MockInstance<Store['lease']>[];
let loads = 0;
/** Loads wait for it, so that all callers have come when the first one ends. */
let gate: Promise<void> = Promise.resolve();
const slow = keyspace({
  name: 'item',
  params: { id: 'int' },
  async load({ id }, { db }) {
    loads += 1;
    const row = await db.maybeOne<Item>('select id, value from items where id = $1', [id]);
    await gate;
    return row;
  },
});

beforeEach(() => {
  asked = nodes.map(({ store }) => vi.spyOn(store, 'lease').mockClear());
});

beforeAll(async () => {
  regions = await Regions.start(['us']);
  await regions.sql(1, 'first');
  nodes = [];
  // Each with connections of its own, as processes have them.
  for (let i = 0; i < NODES; i += 1) {
    nodes.push(await regions.node('us', { keyspaces: [slow], leaseWait: '20s' }));
  }
  await vi.waitFor(() => {
    for (const { node } of nodes) expect(node.stats().stalenessBoundMs).toBeLessThan(2_000);
  }, WAIT);
});
afterAll(() => regions.close());

/** One node loads; the others were refused the lease, listen for its end, and asked once more. */
async function untilAllWait(): Promise<void> {
  await vi.waitFor(() => {
    expect(loads).toBe(1);
    // Now and then they ask again.
    const calls = asked.map((lease) => lease.mock.calls.length).toSorted((a, b) => a - b);
    expect(calls.filter((count) => count >= 2)).toHaveLength(NODES - 1);
  }, WAIT);
}

function stampede(): Promise<(Item | null)[]> {
  return Promise.all(
    nodes.flatMap(({ node }) => Array.from({ length: CALLERS }, () => node.get(slow, { id: 1 }))),
  );
}

it('a thousand callers in each of four nodes load a cold key once for the region', async () => {
  let open = (): void => {};
  gate = new Promise((resolve) => (open = resolve));
  const all = stampede();
  await untilAllWait();
  open();
  expect(new Set((await all).map((row) => row?.value))).toEqual(new Set(['first']));
  expect([loads, nodes.map(({ node }) => node.stats().storeErrors)]).toEqual([1, [0, 0, 0, 0]]);
});

it('and once more right after it was invalidated, whatever was under way', async () => {
  await regions.sql(1, 'second');
  await vi.waitFor(() => {
    for (const { node } of nodes) expect(node.peek(slow, { id: 1 })).toBeUndefined();
  }, WAIT);
  loads = 0;
  let open = (): void => {};
  gate = new Promise((resolve) => (open = resolve));
  const all = stampede();
  await untilAllWait();
  open();
  expect(new Set((await all).map((row) => row?.value))).toEqual(new Set(['second']));
  expect(loads).toBe(1);
});
