import {
  bounded,
  group,
  type GroupEntry,
  keyspace,
  type NodeOptions,
  type SourceOfTruth,
  startNode,
  type Store,
  systemRuntime,
  type TidemarkNode,
} from '@tidemark/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  MemoryDatabase,
  type MemoryDb,
  type MemoryMesh,
  memoryMesh,
  memorySource,
  memoryStore,
  type MemoryTx,
} from '../src/index.ts';

/** Every member says which generation it belongs to. */
interface Price {
  readonly list: string;
  readonly cents: number;
}

const WAIT = { timeout: 10_000, interval: 5 };
const MEMBERS = 40;
const PARAMS = Array.from({ length: MEMBERS }, (_, sku) => ({ sku }));
const prices = group<{ readonly sku: 'int' }, Price>({ name: 'price', params: { sku: 'int' } });

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

async function open<Db, Tx>(options: NodeOptions<Db, Tx>): Promise<TidemarkNode<Tx>> {
  const node = await startNode(options);
  opened.push(node);
  return node;
}

function* priceList(list: string): Generator<GroupEntry<{ readonly sku: 'int' }, Price>> {
  for (const { sku } of PARAMS) yield [{ sku }, { list, cents: sku }];
}

interface World {
  readonly nodes: readonly TidemarkNode<MemoryTx>[];
  readonly stores: readonly Store[];
  readonly source: SourceOfTruth<MemoryDb, MemoryTx>;
  readonly mesh: MemoryMesh;
  readonly database: MemoryDatabase;
  readonly clock: { skewMs: number };
}

/** Regions us and eu, a node each. */
async function world(): Promise<World> {
  const clock = { skewMs: 0 };
  const runtime = { ...systemRuntime, monoMs: () => systemRuntime.monoMs() + clock.skewMs };
  const mesh = memoryMesh({ runtime: systemRuntime, regions: ['us', 'eu'], delayMs: () => 2 });
  const database = new MemoryDatabase();
  const source = memorySource({ runtime: systemRuntime, database });
  opened.push(source);
  const nodes: TidemarkNode<MemoryTx>[] = [];
  const stores: Store[] = [];
  for (const id of ['us', 'eu']) {
    const bus = mesh.bus(id);
    opened.push(bus);
    const store = memoryStore({ runtime: systemRuntime });
    stores.push(store);
    nodes.push(
      await open({ keyspaces: [], groups: [prices], store, bus, source, runtime, pingInterval: 50 }),
    );
  }
  for (const node of nodes)
    await vi.waitFor(() => expect(node.stats().stalenessBoundMs).toBeLessThan(1_000), WAIT);
  return { nodes, stores, source, mesh, database, clock };
}

async function publish({ nodes }: World, list: string): Promise<string> {
  const generation = await nodes[0]!.stage(prices, priceList(list));
  await nodes[0]!.swap(prices, generation);
  return generation;
}

/** Waits until views of the node show the generation. */
async function shows(node: TidemarkNode<MemoryTx>, generation: string): Promise<void> {
  await vi.waitFor(async () => expect((await node.view(prices)).generation).toBe(generation), WAIT);
}

describe('groups in two regions of memory parts', () => {
  it('become visible all at once, and a rollback brings the old one back everywhere', async () => {
    const here = await world();
    const [us, eu] = here.nodes;
    await expect(us!.view(prices)).rejects.toMatchObject({ code: 'E_GROUP_EMPTY', group: 'price' });
    const first = await publish(here, 'first');
    const view = await us!.view(prices);
    expect(await view.getMany(PARAMS)).toEqual(PARAMS.map(({ sku }) => ({ list: 'first', cents: sku })));
    expect(await view.get({ sku: MEMBERS })).toBeNull();
    const second = await publish(here, 'second');
    // In its own region at once; a view that was open goes on with what it has.
    expect((await us!.view(prices)).generation).toBe(second);
    expect((await view.get({ sku: 1 }))?.list).toBe('first');
    await shows(eu!, second);
    const { value, invalidations } = await eu!.rollback(prices);
    expect(value).toEqual({ generation: first, previous: second });
    expect(invalidations.map(({ key }) => key)).toEqual(['group:price']);
    expect((await eu!.view(prices)).generation).toBe(first);
    await shows(us!, first);
    expect(
      (await us!.generations(prices)).map(({ generation, state, members }) => [generation, state, members]),
    ).toEqual([
      [first, 'current', MEMBERS],
      [second, 'retired', MEMBERS],
    ]);
  });

  it('meet a warm store in the region that staged them: no member is loaded', async () => {
    const here = await world();
    const read = vi.spyOn(here.source.groups!, 'read');
    await publish(here, 'first');
    const other = await open({
      keyspaces: [],
      groups: [prices],
      store: here.stores[0]!,
      source: here.source,
    });
    const view = await other.view(prices);
    expect(await view.getMany(PARAMS)).toHaveLength(MEMBERS);
    expect((await view.get({ sku: 3 }))?.list).toBe('first');
    expect(read).not.toHaveBeenCalled();
    await (await here.nodes[1]!.view(prices)).getMany(PARAMS);
    expect(read).toHaveBeenCalledTimes(1);
  });

  it('a late event of a swap that was rolled back changes nothing', async () => {
    const here = await world();
    const first = await publish(here, 'first');
    const second = await here.nodes[0]!.stage(prices, priceList('second'));
    const { invalidations: late } = await here.nodes[0]!.swap(prices, second);
    await here.nodes[0]!.rollback(prices);
    for (const node of here.nodes) await shows(node, first);
    // By the writer's own path, and by every region's stream.
    for (const store of here.stores) await store.raise(late);
    const bus = here.mesh.bus('us');
    opened.push(bus);
    const event = { f: 1, k: 'bump', ev: late.map(({ key, version }) => [version.era, [key, version.n]]) };
    await bus.append({ data: JSON.stringify(event) });
    await publishMarker(here);
    for (const node of here.nodes) {
      const view = await node.view(prices);
      expect(view.generation).toBe(first);
      expect((await view.get({ sku: 0 }))?.list).toBe('first');
    }
  });

  it('a swap and a rollback are writes of a session, which sees them in every region at once', async () => {
    const here = await world();
    const [us, eu] = here.nodes;
    const first = await publish(here, 'first');
    await shows(eu!, first);
    const second = await us!.stage(prices, priceList('second'));
    here.mesh.cut('eu');
    const { session } = await us!.swap(prices, second);
    expect((await eu!.view(prices)).generation).toBe(first);
    expect((await eu!.view(prices, { consistency: session })).generation).toBe(second);
    await us!.rollback(prices, undefined, { session });
    expect((await eu!.view(prices, { consistency: session })).generation).toBe(first);
    expect((await eu!.view(prices, { consistency: 'latest' })).generation).toBe(first);
  });

  it('a view never mixes generations, whatever swaps while it reads', async () => {
    const here = await world();
    const lists = ['a', 'b', 'c'];
    const generations: string[] = [];
    for (const list of lists) generations.push(await here.nodes[0]!.stage(prices, priceList(list)));
    await here.nodes[0]!.swap(prices, generations[0]!);
    let swapping = true;
    const swaps = (async () => {
      for (let turn = 1; turn <= 120; turn += 1) {
        await here.nodes[turn % 2]!.swap(prices, generations[turn % lists.length]!);
        await new Promise((resolve) => setImmediate(resolve));
      }
      swapping = false;
    })();
    const seen = new Set<string>();
    const reader = async (node: TidemarkNode<MemoryTx>, oneByOne: boolean): Promise<void> => {
      while (swapping) {
        const view = await node.view(prices);
        const expected = lists[generations.indexOf(view.generation)];
        const values: (Price | null)[] = [];
        if (oneByOne) for (const params of PARAMS) values.push(await view.get(params));
        else values.push(...(await view.getMany(PARAMS)));
        expect(new Set(values.map((value) => value?.list))).toEqual(new Set([expected]));
        seen.add(view.generation);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await Promise.all([swaps, ...here.nodes.flatMap((node) => [reader(node, true), reader(node, false)])]);
    expect(seen.size).toBe(lists.length);
  });

  it('a pointer or member that somebody broke in the store counts as absent', async () => {
    const here = await world();
    const first = await publish(here, 'first');
    const store = here.stores[0]!;
    const { meta } = await store.read([]);
    const { asOf, versions } = await here.source.labels(['group:price']);
    for (const [key, text] of [
      ['group:price', '{"generation":"1.2:x"}'],
      [`member:price:${first}:1`, '{'],
    ] as const) {
      const { incarnation, epoch, revision } = meta!;
      const verdict = await store.fill({
        key,
        version: versions[0]!,
        scope: 0,
        asOf,
        incarnation,
        epoch,
        revision,
        schema: 1,
        freshMs: 60_000,
        staleMs: 0,
        data: new TextEncoder().encode(text),
        dependencies: [],
        lease: null,
      });
      expect(verdict).toBe('admitted');
    }
    const fresh = await open({ keyspaces: [], groups: [prices], store, source: here.source });
    const view = await fresh.view(prices);
    expect(view.generation).toBe(first);
    expect(await view.get({ sku: 1 })).toEqual({ list: 'first', cents: 1 });
  });
});

describe('a view', () => {
  it('ends with its life, by the clock of its node', async () => {
    const here = await world();
    await publish(here, 'first');
    const view = await here.nodes[0]!.view(prices);
    here.clock.skewMs += 50_000;
    expect(await view.get({ sku: 1 })).not.toBeNull();
    here.clock.skewMs += 10_001;
    const expired = { code: 'E_VIEW_EXPIRED', group: 'price' };
    await expect(view.get({ sku: 1 })).rejects.toMatchObject(expired);
    await expect(view.getMany(PARAMS)).rejects.toMatchObject(expired);
    await here.nodes[0]!.close();
    await expect(async () => view.get({ sku: 1 })).rejects.toMatchObject({ code: 'E_CLOSED' });
  });

  it('of a collected generation answers from caches or says so: never null, never another value', async () => {
    const here = await world();
    const [us, eu] = here.nodes;
    const first = await publish(here, 'first');
    await shows(eu!, first);
    // eu is cut off: its pointer stays, and it has one of the members.
    const before = await eu!.view(prices);
    expect((await before.get({ sku: 1 }))?.list).toBe('first');
    here.mesh.cut('eu');
    const second = await publish(here, 'second');
    expect(await here.source.groups!.collect('price', { keep: 0, graceMs: 0, abandonedMs: 0 })).toEqual([
      first,
    ]);
    const stale = await eu!.view(prices);
    expect(stale.generation).toBe(first);
    expect((await stale.get({ sku: 1 }))?.list).toBe('first');
    const gone = { code: 'E_GENERATION_GONE', group: 'price', generation: first };
    await expect(stale.get({ sku: 2 })).rejects.toMatchObject(gone);
    await expect(stale.getMany(PARAMS)).rejects.toMatchObject(gone);
    // What the error advises: a proven pointer comes from the source.
    here.clock.skewMs += 5_000;
    const proven = await eu!.view(prices, { consistency: bounded('1s') });
    expect(proven.generation).toBe(second);
    expect(new Set((await proven.getMany(PARAMS)).map((price) => price?.list))).toEqual(new Set(['second']));
    expect((await us!.view(prices)).generation).toBe(second);
  });
});

describe('after the source went back in time', () => {
  it('no view shows the abandoned future, not even one that was open', async () => {
    const here = await world();
    const eu = here.nodes[1]!;
    const first = await publish(here, 'first');
    const checkpoint = here.database.checkpoint();
    const abandoned = await publish(here, 'abandoned');
    await shows(eu, abandoned);
    const open = await eu.view(prices);
    expect((await open.get({ sku: 1 }))?.list).toBe('abandoned');
    here.database.restore(checkpoint);
    await shows(eu, first);
    expect((await (await eu.view(prices)).get({ sku: 1 }))?.list).toBe('first');
    await expect(open.get({ sku: 1 })).rejects.toMatchObject({
      code: 'E_GENERATION_GONE',
      generation: abandoned,
    });
    // What is published next has another name, whatever number the source gives it.
    const next = await publish(here, 'next');
    expect(next).not.toBe(abandoned);
    await shows(eu, next);
    expect(new Set((await (await eu.view(prices)).getMany(PARAMS)).map((price) => price?.list))).toEqual(
      new Set(['next']),
    );
  });
});

describe('staging', () => {
  it('goes on where it was interrupted, and shows nothing before', async () => {
    const here = await world();
    const node = here.nodes[0]!;
    function* broken(): Generator<GroupEntry<{ readonly sku: 'int' }, Price>> {
      yield* priceList('first');
      throw new Error('the feed broke off');
    }
    const error = await node.stage(prices, broken()).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'E_STAGE_INTERRUPTED', group: 'price' });
    const { generation } = error as { generation: string };
    await expect(node.swap(prices, generation)).rejects.toMatchObject({ code: 'E_GENERATION_STATE' });
    expect(await node.stage(prices, priceList('first'), { generation })).toBe(generation);
    await node.swap(prices, generation);
    expect(await (await node.view(prices)).getMany(PARAMS)).not.toContain(null);
  });

  it('may be shared by several calls, and refuses other values for the same member', async () => {
    const { nodes } = await world();
    const half = { seal: false };
    const generation = await nodes[0]!.stage(prices, [[{ sku: 1 }, { list: 'x', cents: 1 }]], half);
    await nodes[1]!.stage(prices, [[{ sku: 2 }, { list: 'x', cents: 2 }]], { ...half, generation });
    const conflict = nodes[1]!.stage(prices, [[{ sku: 1 }, { list: 'y', cents: 1 }]], { generation });
    await expect(conflict).rejects.toMatchObject({ cause: { code: 'E_STAGE_CONFLICT', member: '1' } });
    await nodes[0]!.stage(prices, [], { generation });
    await nodes[0]!.swap(prices, generation);
    const view = await nodes[0]!.view(prices);
    expect(await view.getMany([{ sku: 1 }, { sku: 2 }, { sku: 3 }])).toEqual([
      { list: 'x', cents: 1 },
      { list: 'x', cents: 2 },
      null,
    ]);
  });

  it('goes on when the store is away', async () => {
    const here = await world();
    vi.spyOn(here.stores[0]!, 'read').mockRejectedValue(new Error('away'));
    vi.spyOn(here.stores[0]!, 'fill').mockRejectedValue(new Error('away'));
    const generation = await publish(here, 'first');
    expect((await (await here.nodes[0]!.view(prices)).get({ sku: 1 }))?.list).toBe('first');
    await shows(here.nodes[1]!, generation);
  });

  it.each([null, undefined, () => {}, 1n, { toJSON: () => null }, 'x'.repeat(300_000)])(
    'refuses what is no member: %s',
    async (value) => {
      const { nodes } = await world();
      const entry: GroupEntry<{ readonly sku: 'int' }, Price> = [{ sku: 1 }, value as never];
      await expect(nodes[0]!.stage(prices, [entry])).rejects.toMatchObject({ cause: { code: 'E_SCHEMA' } });
    },
  );
});

describe('configuration', () => {
  it('is checked: names, sources, graces', async () => {
    for (const name of ['group', 'member', 'tag']) {
      expect(() => keyspace({ name, params: { id: 'int' }, load: async () => null })).toThrow(/reserved/);
    }
    expect(() => group({ name: 'A', params: { id: 'int' } })).toThrow(/group name/);
    expect(() => group({ name: 'a', params: {} })).toThrow(/at least one parameter/);
    await expect(startNode({ keyspaces: [], groups: [prices] })).rejects.toMatchObject({
      code: 'E_CONFIGURATION',
    });
    const source = memorySource();
    opened.push(source);
    const { groups: _groups, ...without } = source;
    await expect(startNode({ keyspaces: [], groups: [prices], source: without })).rejects.toThrow(
      /keeps them/,
    );
    await expect(startNode({ keyspaces: [], groups: [prices, prices], source })).rejects.toThrow(/unique/);
    const node = await open({ keyspaces: [], groups: [prices], source });
    const others = group({ name: 'other', params: { id: 'int' } });
    await expect(node.view(others)).rejects.toMatchObject({ code: 'E_CONFIGURATION' });
    await expect(node.collectGenerations(prices, { grace: '60s' })).rejects.toThrow(/must be longer/);
    await expect(node.collectGenerations(prices, { keep: -1 })).rejects.toThrow(/whole number/);
    expect(await node.collectGenerations(prices, { grace: '61s' })).toEqual([]);
  });
});

/** Returns when every region has applied all that its streams held. */
async function publishMarker({ nodes }: World): Promise<void> {
  const sinceMs = performance.now();
  for (const node of nodes) {
    await vi.waitFor(
      () => expect(node.stats().stalenessBoundMs).toBeLessThan(performance.now() - sinceMs),
      WAIT,
    );
  }
}
