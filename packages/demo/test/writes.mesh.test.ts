import { keyspace, tag } from '@tidemark/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Item, items, type OpenNode, Regions } from './regions-harness.ts';

const IDS = ['us', 'eu', 'ap'] as const;
const WAIT = { timeout: 20_000, interval: 15 };

/** A page built from rows of three tables, by one statement. */
const pages = keyspace({
  name: 'page',
  params: { id: 'int' },
  dependsOn: ({ id }) => [items.key({ id }), `label:${id}`, `stock:${id}`, tag('layout')],
  load: ({ id }, { db }) =>
    db.maybeOne<{ readonly line: string }>(
      `select concat_ws(' ', i.value, l.text, s.amount) as line
       from items i left join labels l using (id) left join stocks s using (id) where id = $1`,
      [id],
    ),
});
const shipped = keyspace({
  name: 'shipped',
  params: { id: 'int' },
  onWrite: 'update',
  load: ({ id }, { db }) => db.maybeOne<Item>('select id, value from shipped where id = $1', [id]),
});
const hot = keyspace({
  name: 'hot',
  params: { id: 'int' },
  onWrite: 'refresh',
  load: ({ id }, { db }) => db.maybeOne<Item>('select id, value from hot where id = $1', [id]),
});
const keyspaces = [items, pages, shipped, hot];

let regions: Regions;
let nodes: OpenNode[];

beforeAll(async () => {
  regions = await Regions.start(IDS);
  await regions.admin.query('create table labels (id integer primary key, text text)');
  await regions.admin.query('create table stocks (id integer primary key, amount integer)');
  await regions.track('labels', 'label');
  await regions.track('stocks', 'stock');
  for (const table of ['shipped', 'hot']) {
    await regions.admin.query(`create table ${table} (id integer primary key, value text not null)`);
    await regions.track(table, table);
  }
});
beforeEach(async () => {
  await regions.admin.query('truncate items, labels, stocks, shipped, hot');
  await regions.admin.query(`insert into items values (1, 'item')`);
  await regions.admin.query(`insert into labels values (1, 'label')`);
  await regions.admin.query('insert into stocks values (1, 5)');
  await regions.admin.query(`insert into hot values (1, 'old')`);
  nodes = await Promise.all(IDS.map((id) => regions.node(id, { keyspaces })));
});
afterEach(() => regions.closeNodes());
afterAll(() => regions.close());

async function everywhere(line: string): Promise<void> {
  for (const { node } of nodes) {
    await vi.waitFor(async () => {
      const result = await node.read(pages, { id: 1 });
      expect([result.value?.line, result.tier]).toEqual([line, 'l1']);
    }, WAIT);
  }
}

describe('dependencies on real servers', () => {
  it('a page of three tables follows each of them, written by plain SQL or by the library', async () => {
    await everywhere('item label 5');
    await regions.admin.query('update stocks set amount = 4 where id = 1');
    await everywhere('item label 4');
    await nodes[2]!.node.write((tx) => tx.query(`update labels set text = 'sale' where id = 1`));
    await everywhere('item sale 4');
    await regions.admin.query('truncate stocks');
    await everywhere('item sale');
  });

  it('a tag, invalidated by the library or by SQL, is one row and one event', async () => {
    await everywhere('item label 5');
    const before = await loads();
    const { invalidations } = await nodes[0]!.node.write(async (tx) => tx.invalidateTag('layout'));
    expect(invalidations).toHaveLength(1);
    await vi.waitFor(async () => expect(await reloaded(before)).toBe(true), WAIT);
    const again = await loads();
    await regions.admin.query(`select tidemark.bump(array['tag:layout'])`);
    await vi.waitFor(async () => expect(await reloaded(again)).toBe(true), WAIT);
  });
});

async function loads(): Promise<number[]> {
  return nodes.map(({ node }) => node.stats().loads);
}

async function reloaded(before: readonly number[]): Promise<boolean> {
  await Promise.all(nodes.map(({ node }) => node.get(pages, { id: 1 })));
  return (await loads()).every((count, i) => count > before[i]!);
}

/** Every region has its applier, and every node is proven. */
async function settled(): Promise<void> {
  for (const { node } of nodes) {
    await vi.waitFor(() => expect(node.stats().stalenessBoundMs).toBeLessThan(2_000), WAIT);
  }
}

describe('what a write leaves behind', () => {
  it("onWrite 'update': no peer misses, none asks the source", async () => {
    // Values are for those who listen: an applier that takes over starts with what changed, without values.
    await settled();
    const before = await loads();
    await nodes[1]!.node.write((tx) => tx.query(`insert into shipped values (7, 'new')`));
    for (const [i, { store, node }] of nodes.entries()) {
      await vi.waitFor(async () => {
        const [record] = (await store.read(['shipped:7'])).records;
        expect(record).toMatchObject({ value: { version: record?.tidemark } });
      }, WAIT);
      expect((await node.get(shipped, { id: 7 }))?.value).toBe('new');
      expect(node.stats().loads - before[i]!).toBe(i === 1 ? 1 : 0);
    }
  });

  it("onWrite 'refresh': what was hot is in L1 again without a reader", async () => {
    await settled(); // Nodes start over with a new applier's feed, and forget what was hot.
    for (const { node } of nodes) {
      await vi.waitFor(async () => expect((await node.read(hot, { id: 1 })).tier).toBe('l1'), WAIT);
    }
    await regions.admin.query(`update hot set value = 'new' where id = 1`);
    for (const { node } of nodes) {
      await vi.waitFor(() => expect(node.peek(hot, { id: 1 })?.value).toBe('new'), WAIT);
    }
  });
});
