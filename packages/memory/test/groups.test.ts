import { bounded, type TidemarkNode } from '@tidemark/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { MemoryTx } from '../src/index.ts';
import {
  closeAll,
  MEMBERS,
  open,
  opened,
  PARAMS,
  type Price,
  priceList,
  prices,
  publish,
  settled,
  shows,
  world,
} from './group-world.ts';

afterEach(closeAll);

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

  it.each([1, 3])('meet a warm store of %d partitions: no member is loaded', async (partitions) => {
    const here = await world(partitions);
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
    // Other regions may be warmed before the swap.
    const second = await here.nodes[0]!.stage(prices, priceList('second'));
    expect(await here.nodes[1]!.prefetch(prices, second)).toBe(MEMBERS);
    await here.nodes[1]!.swap(prices, second);
    read.mockClear();
    const warm = await (await here.nodes[1]!.view(prices)).getMany(PARAMS);
    expect(warm).toEqual(PARAMS.map(({ sku }) => ({ list: 'second', cents: sku })));
    expect(read).not.toHaveBeenCalled();
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
    await settled(here);
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
        replaces: 'any',
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
