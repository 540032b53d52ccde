import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { listOf, MEMBERS, priceList, prices, stageAll } from './groups-harness.ts';
import { type OpenNode, Regions } from './regions-harness.ts';

const WAIT = { timeout: 20_000, interval: 15 };
const READS = 1_000_000;
const SWAPS_MIN = 20;
const VIEWS_MIN = 100;

let regions: Regions;

beforeAll(async () => {
  regions = await Regions.start(['us', 'eu']);
});
afterEach(() => regions.closeNodes());
afterAll(() => regions.close());

async function shows({ node }: OpenNode, list: string): Promise<void> {
  await vi.waitFor(async () => expect(await listOf(await node.view(prices))).toBe(list), WAIT);
}

async function publish({ node }: OpenNode, list: string): Promise<string> {
  const generation = await node.stage(prices, priceList(list));
  await node.swap(prices, generation);
  return generation;
}

describe('groups in two regions on real servers', () => {
  it('a process swaps without end; a million reads in another region never see a mixed view', async () => {
    const eu = await regions.node('eu', { groups: [prices] });
    const { said } = await regions.child('group-swapper.ts', 'us');
    const lists = new Map(JSON.parse(said) as [string, string][]);
    const views = new Map([...lists.keys()].map((generation) => [generation, 0]));
    let [reads, mixed, swaps, last] = [0, 0, 0, ''];
    // The reader has to see the pointer move, so that the test means something; a busy machine takes longer.
    while (reads < READS || swaps <= SWAPS_MIN || Math.min(...views.values()) <= VIEWS_MIN) {
      const view = await eu.node.view(prices);
      const expected = lists.get(view.generation);
      for (let sku = 0; sku < MEMBERS; sku += 1) {
        const price = await view.get({ sku });
        if (price?.list !== expected) mixed += 1;
      }
      reads += MEMBERS;
      views.set(view.generation, views.get(view.generation)! + 1);
      if (view.generation !== last) swaps += 1;
      last = view.generation;
      // The feed and the stream need their turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(mixed).toBe(0);
  }, 120_000);

  it('a view that is open while others swap, roll back and collect goes on with its own', async () => {
    const [us, eu] = [
      await regions.node('us', { groups: [prices] }),
      await regions.node('eu', { groups: [prices] }),
    ];
    await publish(us, 'first');
    await shows(eu, 'first');
    const open = await eu.node.view(prices);
    await publish(us, 'second');
    await shows(eu, 'second');
    await us.node.rollback(prices);
    await shows(eu, 'first');
    await publish(us, 'third');
    await shows(eu, 'third');
    const collected = await us.source.groups!.collect('price', { keep: 0, graceMs: 0, abandonedMs: 0 });
    expect(collected).toContain(open.generation);
    // What the region has cached it goes on to serve.
    expect(await listOf(open)).toBe('first');
  });

  it('of two swaps at the same time one wins, and the other one is told', async () => {
    const [us, eu] = [
      await regions.node('us', { groups: [prices] }),
      await regions.node('eu', { groups: [prices] }),
    ];
    const from = await publish(us, 'from');
    const rivals = [...(await stageAll(us.node, ['by us', 'by eu'])).keys()];
    const results = await Promise.allSettled([
      us.node.swap(prices, rivals[0]!, { from }),
      eu.node.swap(prices, rivals[1]!, { from }),
    ]);
    expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const winner = results.findIndex(({ status }) => status === 'fulfilled');
    expect(results[1 - winner]).toMatchObject({
      reason: { code: 'E_SWAP_CONFLICT', expected: from, current: rivals[winner] },
    });
    for (const each of [us, eu]) await shows(each, ['by us', 'by eu'][winner]!);
  });

  it('kill -9 while staging, and between staging and swap: nobody sees it, anybody can go on', async () => {
    const [us, eu] = [
      await regions.node('us', { groups: [prices] }),
      await regions.node('eu', { groups: [prices] }),
    ];
    await publish(us, 'before');
    for (const stopAt of ['staging', 'staged']) {
      const child = await regions.child('crashing-publisher.ts', 'us', { stopAt });
      child.process.kill('SIGKILL');
      const generation = child.said;
      const { state, members } = (await eu.node.generations(prices)).find(
        (each) => each.generation === generation,
      )!;
      expect([state, members]).toEqual([stopAt, MEMBERS]);
      expect(await listOf(await us.node.view(prices))).not.toBe('by the dead');
      if (stopAt === 'staging') await eu.node.stage(prices, priceList('by the dead'), { generation });
      await eu.node.swap(prices, generation);
      for (const each of [us, eu]) await shows(each, 'by the dead');
      await publish(us, 'between');
      for (const each of [us, eu]) await shows(each, 'between');
    }
  });

  it('kill -9 between the commit of a swap and its publication: every region hears of it', async () => {
    const [us, eu] = [
      await regions.node('us', { groups: [prices] }),
      await regions.node('eu', { groups: [prices] }),
    ];
    await publish(us, 'before');
    await shows(eu, 'before');
    const { process: publisher, said } = await regions.child('crashing-publisher.ts', 'us', {
      stopAt: 'swapped',
    });
    publisher.kill('SIGKILL');
    expect(said).toBe('committed');
    for (const each of [us, eu]) await shows(each, 'by the dead');
  });
});
