import { keyspace } from '@tidemark/core';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type Item, type OpenNode, Regions } from './regions-harness.ts';

const NODES = 4;
const CALLERS = 1_000;
const WAIT = { timeout: 20_000, interval: 10 };

let regions: Regions;
let nodes: OpenNode[];
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

function stampede(): Promise<(Item | null)[]> {
  return Promise.all(
    nodes.flatMap(({ node }) => Array.from({ length: CALLERS }, () => node.get(slow, { id: 1 }))),
  );
}

it('a thousand callers in each of four nodes load a cold key once for the region', async () => {
  let open = (): void => {};
  gate = new Promise((resolve) => (open = resolve));
  const all = stampede();
  await vi.waitFor(() => expect(loads).toBe(1), WAIT);
  open();
  expect(new Set((await all).map((row) => row?.value))).toEqual(new Set(['first']));
  expect(loads).toBe(1);
});

it('and once more right after it was invalidated, whatever was under way', async () => {
  await regions.sql(1, 'second');
  await vi.waitFor(() => {
    for (const { node } of nodes) expect(node.peek(slow, { id: 1 })).toBeUndefined();
  }, WAIT);
  loads = 0;
  const rows = await stampede();
  expect(new Set(rows.map((row) => row?.value))).toEqual(new Set(['second']));
  expect(loads).toBe(1);
});
