import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseGate, peerOrigin, type WarmState, workOf } from '../src/index.ts';
import { interrupted, type WarmRegions, warmRegions } from './warm-regions.ts';
import { COUNT, Warmer } from './warmer.ts';

let regions: WarmRegions;
const { listOf, run } = new Warmer(() => regions);

beforeEach(async () => {
  regions = await warmRegions(COUNT);
});
afterEach(() => regions.close());

describe('a warm-up goes on', () => {
  it('after a crash at any moment, without doing a finished batch again', async () => {
    const states: WarmState[] = [];
    await run({ save: (state) => states.push(state), concurrency: 3 });
    expect(states).toHaveLength(COUNT / 50);
    for (const resume of states) {
      let copied = 0;
      const counted = interrupted(regions.stores.us, async (keys) => {
        copied += keys.filter((key) => key.startsWith('row:')).length;
      });
      const report = await run({ resume, origins: [peerOrigin('us', counted)] });
      expect(report).toMatchObject({ outcome: 'complete', keys: COUNT, coverage: 1 });
      expect([copied, report.keysNow]).toEqual([COUNT - resume.counts.keys, COUNT - resume.counts.keys]);
    }
  });

  it('and leaves out what was done ahead of a batch that was not', async () => {
    const states: WarmState[] = [];
    await run({ save: (state) => states.push(state) });
    const asked = new Set<string>();
    const counted = interrupted(regions.stores.us, async (keys) => keys.forEach((key) => asked.add(key)));
    const resume = { ...states[3]!, done: 1, ahead: [3, 5] };
    // One after the other they would be passed over anyway.
    await run({ resume, origins: [peerOrigin('us', counted)], concurrency: 3 });
    const { keys } = await listOf();
    const batches = [0, 1, 2, 3, 4, 5].map((index) => asked.has(keys[index * 50]!));
    expect(batches).toEqual([false, true, true, false, true, false]);
  });

  it('not in a store that has lost what it did: that is said, and not counted as warm', async () => {
    const states: WarmState[] = [];
    await run({ save: (state) => states.push(state) });
    regions.stores.eu.clear();
    await expect.poll(async () => (await regions.stores.eu.read([])).meta).not.toBeNull();
    await expect(run({ resume: states[3]! })).rejects.toMatchObject({
      code: 'E_WARMUP',
      message: expect.stringContaining('without --resume') as string,
    });
    let batches = 0;
    const emptying = interrupted(regions.stores.us, async ([key]) => {
      batches += key!.startsWith('row:') ? 1 : 0;
      if (batches === 4) regions.stores.eu.clear();
    });
    await expect(run({ origins: [peerOrigin('us', emptying)] })).rejects.toMatchObject({ code: 'E_WARMUP' });
  });

  it('stops at the gate, at the budget, at the deadline and when it is asked to', async () => {
    const gate = await run({ until: parseGate('coverage=25%') });
    expect(gate).toMatchObject({ outcome: 'gate', filled: 150 });
    const stop = new AbortController();
    const stopped = await run({ signal: stop.signal, onProgress: () => stop.abort() });
    expect(stopped).toMatchObject({ outcome: 'interrupted', keys: 50, there: 50 });
    const slow = interrupted(regions.stores.us, () => new Promise((resolve) => setTimeout(resolve, 20)));
    expect(await run({ origins: [peerOrigin('us', slow)], deadlineMs: 50 })).toMatchObject({
      outcome: 'deadline',
    });
    const budget = await run({ bytesMax: 100 }, listOf({ match: 'row:5*' }));
    expect(budget.outcome).toBe('budget');
    expect(budget.bytes).toBeGreaterThanOrEqual(100);
  });

  it('knows the hit rate that the reads promise', async () => {
    const hot = [
      { key: 'row:1', reads: 90 },
      { key: 'row:2', reads: 9 },
      { key: 'row:3', reads: 1 },
    ];
    const list = await listOf({ hot });
    expect(list.keys.slice(0, 3)).toEqual(['row:1', 'row:2', 'row:3']);
    expect(list.keys).toHaveLength(COUNT);
    const report = await run(
      { work: workOf(list, 1), until: parseGate('hit-rate=0.95'), readsKnown: 100 },
      Promise.resolve(list),
    );
    expect(report).toMatchObject({ outcome: 'gate', filled: 2, hitRate: 0.99 });
  });
});

describe('a list', () => {
  it('is shared among workers without a gap or an overlap', async () => {
    const parts = await Promise.all([0, 1, 2].map((index) => listOf({ shard: { index, count: 3 } })));
    const all = parts.flatMap(({ keys }) => keys);
    expect(new Set(all).size).toBe(all.length);
    expect(all.toSorted()).toEqual([...(await listOf()).keys].toSorted());
  });

  it.each(['coverage', 'coverage=0', 'coverage=101%', 'hit-rate=1.5', 'misses=1', 'coverage=-1'])(
    'a gate %s is refused',
    (text) => {
      expect(() => parseGate(text)).toThrow(expect.objectContaining({ code: 'E_CONFIGURATION' }));
    },
  );
});
