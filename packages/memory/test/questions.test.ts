import { keyspace, type Bus, type NodeAnswer, NodeAsker, startNode, systemRuntime } from '@tidemark/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { memoryBus } from '../src/index.ts';
import { Gate, type MemoryRegions, memoryRegions, WAIT } from './memory-region.ts';

const gate = new Gate();
const rows = keyspace({
  name: 'row',
  params: { id: 'int' },
  ttl: '1h',
  earlyRefresh: false,
  async load({ id }, { db }: { readonly db: { get(key: string): Promise<unknown> } }) {
    const value = await db.get(`row:${id}`);
    await gate.pass();
    return value;
  },
});

let regions: MemoryRegions;
let bus: Bus;
let asker: NodeAsker;

beforeEach(async () => {
  regions = await memoryRegions([rows]);
  bus = regions.mesh.bus('us');
  asker = new NodeAsker(bus, systemRuntime);
  await vi.waitFor(() => expect(regions.us.stats().stalenessBoundMs).toBeLessThan(5_000), WAIT);
});
afterEach(async () => {
  await asker.stop();
  await bus.close();
  await regions.close();
});

async function ask(keys: readonly string[], hotKeys = 0): Promise<NodeAnswer> {
  const [answer] = await asker.ask({ keys, hotKeys }, { waitMs: 5_000, expected: 1 });
  return answer!;
}
const typesOf = ({ moments }: NodeAnswer): string[] =>
  moments.map(({ type, outcome }) => (outcome ? `${type} ${outcome}` : type));

describe('questions from outside', () => {
  it('tell what L1 has of a key and whether it would be served; asking is no read', async () => {
    const { invalidations } = await regions.us.write((tx) => tx.set('row:1', 'one'));
    await regions.us.get(rows, { id: 1 });
    await regions.us.get(rows, { id: 2 });
    const before = regions.us.stats();
    const { region, entries, stats, hotKeys } = await ask(['row:1', 'row:2', 'row:3'], 1);
    expect(region).toBe('us');
    expect(entries).toMatchObject([
      { key: 'row:1', held: true, version: invalidations[0]!.version, absent: false, served: true },
      { key: 'row:2', held: true, absent: true, served: true },
      { key: 'row:3', held: false, version: null, absent: false, ageMs: 0, freshLeftMs: 0, served: false },
    ]);
    expect(entries[0]!.freshLeftMs).toBeGreaterThan(3_000_000);
    expect(entries[0]!.ageMs).toBeLessThan(60_000);
    expect(stats).toMatchObject({ reads: before.reads, l1Hits: before.l1Hits, l1Entries: 2 });
    expect(hotKeys).toEqual([{ key: expect.stringMatching(/^row:[12]$/) as string, reads: 1 }]);
    expect(regions.us.stats()).toMatchObject({ reads: before.reads, l1Hits: before.l1Hits });
    expect(JSON.stringify(entries)).not.toContain('"one"');
  });

  it('tell of a late fill, from the invalidation that it came after', async () => {
    await regions.us.write((tx) => tx.set('row:1', 'old'));
    const reached = gate.shut();
    const late = regions.us.get(rows, { id: 1 });
    await reached;
    await regions.us.write((tx) => tx.set('row:1', 'new'));
    gate.open();
    await late;
    await regions.us.get(rows, { id: 1 });
    const types = typesOf(await ask(['row:1']));
    expect(types).toContain('filled moved');
    expect(types.indexOf('filled moved')).toBeLessThan(types.lastIndexOf('filled admitted'));
    expect(types.slice(-3)).toEqual(['load-ended', 'filled admitted', 'cached']);
    expect(typesOf(await ask(['row:2']))).toEqual([]);
  });

  it('are answered by every node of the region, and by none that was told not to', async () => {
    const own = regions.mesh.bus('us');
    const silent = regions.mesh.bus('us');
    const second = await startNode({ keyspaces: [rows], bus: own, id: 'second' });
    const third = await startNode({ keyspaces: [rows], bus: silent, answers: false });
    const answers = await asker.ask({}, { waitMs: 200 });
    expect(answers).toHaveLength(2);
    expect(answers.map(({ node }) => node)).toContain('second');
    await Promise.all([second.close(), third.close()]);
    await Promise.all([own.close(), silent.close()]);
    expect(await asker.ask({}, { waitMs: 5_000, expected: 1 })).toHaveLength(1);
  });

  it('are dropped beyond twenty a second', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, () => asker.ask({}, { waitMs: 300, expected: 1 })),
    );
    const answered = answers.filter((each) => each.length === 1).length;
    expect(answered).toBeGreaterThanOrEqual(20);
    expect(answered).toBeLessThanOrEqual(40); // In two seconds at most.
  });

  it('that make no sense are neither sent nor answered, and change nothing', async () => {
    const keys = Array.from({ length: 101 }, (_, i) => `row:${i}`);
    for (const question of [{ keys }, { keys: ['no key'] }, { hotKeys: 101 }, { hotKeys: 0.5 }])
      await expect(asker.ask(question, { waitMs: 50 })).rejects.toMatchObject({ code: 'E_CONFIGURATION' });
    const heard: string[] = [];
    await bus.listen('us', 'tell', ({ data }) => void heard.push(data));
    for (const data of [
      '',
      'null',
      '{"f":1,"k":"ask"}',
      '{"f":1,"k":"ask","id":"","ke":[],"hk":0}',
      '{"f":1,"k":"ask","id":"a","ke":["{x}"],"hk":0}',
      JSON.stringify({ f: 1, k: 'ask', id: 'a', ke: keys, hk: 0 }),
      '{"f":1,"k":"ask","id":"a","ke":[],"hk":1e9}',
      '{"f":1,"k":"tell","id":"a"}',
      '{"f":2,"r":2,"k":"ask","id":"a","ke":[],"hk":0}',
    ])
      bus.send('ask', { data });
    expect(await ask(['row:1'])).toMatchObject({ entries: [{ held: false }] });
    expect(heard).toHaveLength(1);
  });

  it('are answered by nobody in time: an empty list; forged answers of other regions are not believed', async () => {
    const alone = memoryBus(systemRuntime, 'us');
    const lonely = new NodeAsker(alone, systemRuntime);
    await alone.listen('us', 'ask', ({ data }) => {
      const { id } = JSON.parse(data) as { id: string };
      const st = Array.from({ length: 13 }, () => 0);
      alone.send('tell', {
        data: JSON.stringify({ f: 1, k: 'tell', id, rg: 'eu', no: 'x', st, hk: [], en: [], mo: [] }),
      });
    });
    expect(await lonely.ask({}, { waitMs: 30, expected: 1 })).toEqual([]);
    await lonely.stop();
    await alone.close();
  });
});
