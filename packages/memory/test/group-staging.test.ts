import { group, type GroupEntry, keyspace, startNode } from '@tidemark/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { memorySource } from '../src/index.ts';
import {
  closeAll,
  open,
  opened,
  PARAMS,
  type Price,
  priceList,
  prices,
  publish,
  shows,
  world,
} from './group-world.ts';

afterEach(closeAll);

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
