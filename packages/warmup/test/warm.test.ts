import {
  type EngineEvent,
  fillOfCopy,
  keyspace,
  noTelemetry,
  startNode,
  StoreUnavailableError,
  type Telemetry,
} from '@tidemark/core';
import type { MemoryDb } from '@tidemark/memory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  keyList,
  parseGate,
  peerOrigin,
  readCopies,
  sourceOrigin,
  warm,
  type WarmPlan,
  type WarmReport,
  type WarmState,
  workOf,
} from '../src/index.ts';
import { interrupted, rows, type WarmRegions, warmRegions } from './warm-regions.ts';

const COUNT = 600;
let regions: WarmRegions;

beforeEach(async () => {
  regions = await warmRegions(COUNT);
});
afterEach(() => regions.close());

async function listOf(options: Parameters<typeof keyList>[0] = {}) {
  return keyList({ others: regions.stores.us.keys(), keyspaces: ['row'], ...options });
}

async function run(changes: Partial<WarmPlan> = {}, list = listOf()): Promise<WarmReport> {
  const { keys, reads } = await list;
  return warm({
    store: regions.stores.eu,
    work: workOf({ keys, reads }, 50),
    keysKnown: keys.length,
    readsKnown: reads.reduce((a, b) => a + b, 0),
    origins: [peerOrigin('us', regions.stores.us)],
    concurrency: 1,
    ...changes,
  });
}

function fromSource(budget = 1_000_000) {
  return sourceOrigin({
    node: regions.eu,
    keyspaces: [rows],
    store: regions.stores.eu,
    budget: { loadsPerSecond: budget },
  });
}

async function meta() {
  return (await regions.stores.eu.read([])).meta!;
}

/** The value of row 1 as it is, but past its TTL. */
async function expireInEu(): Promise<void> {
  const { blocks } = await readCopies(regions.stores.eu, ['row:1']);
  const [{ asOf, values }] = blocks as [(typeof blocks)[number]];
  const fill = fillOfCopy({ ...values[0]!, freshMs: 0 }, asOf, await meta());
  expect(await regions.stores.eu.fill({ ...fill, replaces: 'any' })).toBe('admitted');
}

describe('a warm-up from a peer', () => {
  it('tells after each batch where it stands, in a span for the whole and one for each batch', async () => {
    const events: EngineEvent[] = [];
    const spans: string[] = [];
    const telemetry: Telemetry = {
      ...noTelemetry,
      record: (event) => void events.push(event),
      trace(name, _attributes, _origin, work) {
        spans.push(name);
        return work({ set() {}, end() {} });
      },
    };
    await run({ telemetry });
    expect(spans).toEqual([
      'tidemark.warmup',
      ...Array.from({ length: COUNT / 50 }, () => 'tidemark.warmup.batch'),
    ]);
    expect(events).toHaveLength(COUNT / 50);
    expect(events.at(-1)).toMatchObject({
      type: 'warmup',
      keys: COUNT,
      filled: COUNT,
      refused: 0,
      coverage: 1,
    });
  });

  it('fills everything that the peer may serve, and readers then load nothing', async () => {
    const report = await run();
    expect(report).toMatchObject({ outcome: 'complete', filled: COUNT, there: 0, refused: {}, coverage: 1 });
    for (let id = 0; id < COUNT; id += 1) expect(await regions.eu.get(rows, { id })).toEqual({ value: 0 });
    expect(regions.eu.stats().loads).toBe(0);
    // Again: nothing to do, and no value is replaced.
    expect(await run()).toMatchObject({ outcome: 'complete', filled: 0, there: COUNT });
  });

  it('a value that is overwritten between its copy and its fill is refused', async () => {
    let once = true;
    const peer = interrupted(regions.stores.us, async () => {
      if (!once) return;
      once = false;
      await regions.eu.write((tx) => tx.set('row:3', { value: 9 }));
    });
    const report = await run({ origins: [peerOrigin('us', peer)] });
    expect(report.refused).toEqual({ 'below-tidemark': 1 });
    expect(await regions.eu.get(rows, { id: 3 })).toEqual({ value: 9 });
    expect(regions.eu.stats().loads).toBe(1);
  });

  it.each([
    ['void since the epoch was raised', async () => regions.stores.eu.raiseEpoch((await meta()).base)],
    ['past its TTL', expireInEu],
    ['made from what has changed', () => regions.us.write(async (tx) => tx.invalidateTag('seven'))],
  ] as const)('a value that is there and %s is replaced, not counted as there', async (why, spoil) => {
    await run();
    await spoil();
    if (why.startsWith('made'))
      await expect.poll(() => regions.us.get(rows, { id: 7 })).toEqual({ value: 0 });
    const spoiled = why.startsWith('void') ? COUNT : 1;
    await expect
      .poll(async () => (await readCopies(regions.stores.eu, (await listOf()).keys)).without.length)
      .toBe(spoiled);
    await expect.poll(async () => (await readCopies(regions.stores.us, ['row:7'])).without).toEqual([]);
    expect(await run({ prover: regions.source })).toMatchObject({
      outcome: 'complete',
      filled: spoiled,
      there: COUNT - spoiled,
      coverage: 1,
    });
    expect((await readCopies(regions.stores.eu, (await listOf()).keys)).without).toEqual([]);
  });

  it('nor without the word of the source, which may have a newer one of the same version: the next origin is asked', async () => {
    const { blocks } = await readCopies(regions.stores.us, ['row:1', 'row:2']);
    await run();
    await expireInEu();
    const work = [{ index: 0, keys: ['row:1', 'row:2'], reads: [], copies: blocks[0]! }];
    expect(await run({ work, keysKnown: 2, origins: [] })).toMatchObject({
      there: 1,
      refused: { unproven: 1 },
    });
    expect(await run({ work, keysKnown: 2, origins: [fromSource()] })).toMatchObject({
      there: 1,
      filled: 1,
      refused: {},
    });
  });

  it('a store that is emptied between copy and fill takes nothing that was seen before', async () => {
    let once = true;
    const peer = interrupted(regions.stores.us, async () => {
      if (once) regions.stores.eu.clear();
      once = false;
    });
    const report = await run({ origins: [peerOrigin('us', peer)] }, listOf({ top: 50 }));
    // The batch is tried again once the applier has set the store up.
    expect(report).toMatchObject({ outcome: 'complete', filled: 50 });
    expect((await regions.stores.eu.read(['row:1'])).meta).not.toBeNull();
  });

  it('what a value was made from is watched in its new place', async () => {
    await run();
    expect(await regions.eu.get(rows, { id: 7 })).toEqual({ value: 0 });
    expect(regions.eu.stats().loads).toBe(0);
    await regions.us.write(async (tx) => tx.invalidateTag('seven'));
    await expect
      .poll(async () => {
        await regions.eu.get(rows, { id: 7 });
        return regions.eu.stats().loads;
      })
      .toBe(1);
  });

  it('what the peer itself may not serve is not copied', async () => {
    await regions.stores.us.raise([{ key: 'row:5', version: { era: 1, n: 2 ** 40 } }]);
    expect(await run()).toMatchObject({ outcome: 'complete', filled: COUNT - 1, refused: { absent: 1 } });
  });

  it('what is older than the store can judge needs the word of the source on its version', async () => {
    const { eu } = regions.stores;
    const { keys } = await listOf();
    const old = interrupted(regions.stores.us, async () => {});
    const behind = {
      ...peerOrigin('us', old),
      read: async (asked: readonly string[]) => {
        const copies = await readCopies(old, asked);
        return { ...copies, blocks: copies.blocks.map((block) => ({ ...block, asOf: { era: 0, xid: 0 } })) };
      },
    } as ReturnType<typeof peerOrigin>;
    expect((await run({ origins: [behind] })).refused).toEqual({ base: COUNT });
    // Copies of before two writes; eu has lost all that it heard of them.
    const copied = await readCopies(regions.stores.us, keys);
    await regions.us.write(async (tx) => {
      await tx.set('row:1', { value: 5 });
      await tx.set('row:2', { value: 5 });
    });
    eu.clear();
    await expect.poll(async () => (await eu.read([])).meta).not.toBeNull();
    const stale = {
      ...behind,
      read: async (asked: readonly string[]) => {
        const wanted = new Set(asked);
        const blocks = copied.blocks.map(({ values }) => ({
          asOf: { era: 0, xid: 0 },
          values: values.filter(({ key }) => wanted.has(key)),
        }));
        return { blocks, without: [] };
      },
    } as ReturnType<typeof peerOrigin>;
    const report = await run({ origins: [stale], prover: regions.source });
    expect(report).toMatchObject({ filled: COUNT - 2, refused: { unproven: 2 } });
    for (const record of (await eu.read(keys)).records) {
      if (record?.value) expect(record.value.version).toEqual(record.tidemark);
    }
  });
});

describe('several origins', () => {
  it('a peer that dies in the middle is replaced by the source', async () => {
    let batches = 0;
    const dying = interrupted(regions.stores.us, async ([key]) => {
      if (key!.startsWith('row:')) batches += 1;
      if (batches > 4) throw new StoreUnavailableError('gone');
    });
    const away: string[] = [];
    const report = await run({
      origins: [peerOrigin('us', dying), fromSource()],
      onAway: (name) => away.push(name),
    });
    expect(away).toEqual(['us']);
    expect(report).toMatchObject({ outcome: 'complete', filled: COUNT, refused: {}, away: ['us'] });
    expect(regions.eu.stats().loads).toBe(COUNT - 200);
  });

  it('without another one the warm-up ends incomplete, and says what is missing', async () => {
    const dead = interrupted(regions.stores.us, async () => {
      throw new StoreUnavailableError('gone');
    });
    const report = await run({ origins: [peerOrigin('us', dead)] });
    expect(report).toMatchObject({ outcome: 'incomplete', refused: { absent: COUNT }, away: ['us'] });
  });

  it('the source loads each key once, however many workers warm at once', async () => {
    const reports = await Promise.all([0, 1, 2].map(() => run({ origins: [fromSource()] })));
    for (const report of reports) expect(report).toMatchObject({ outcome: 'complete', coverage: 1 });
    expect(regions.eu.stats().loads).toBe(COUNT);
  });

  it('a source that is down is no complete warm-up', async () => {
    await regions.source.close();
    const report = await run({ origins: [fromSource()] }, listOf({ top: 60 }));
    expect(report).toMatchObject({ outcome: 'incomplete', away: ['source'], refused: { absent: 60 } });
  });

  it('a row that can not be loaded takes no other key with it', async () => {
    const poisoned = keyspace<{ id: 'int' }, { value: number }, MemoryDb>({
      name: 'row',
      params: { id: 'int' },
      load: ({ id }, { db }) => db.get(`row:${id}`),
      async loadMany(params, { db }) {
        if (params.some(({ id }) => id === 5)) throw new Error('a row of another shape');
        return Promise.all(params.map(({ id }) => db.get<{ value: number }>(`row:${id}`)));
      },
    });
    const { eu } = regions.stores;
    const node = await startNode({ keyspaces: [poisoned], store: eu, source: regions.source, hotKeysMax: 0 });
    const budget = { loadsPerSecond: 1_000 };
    const origin = sourceOrigin({ node, keyspaces: [poisoned], store: eu, budget });
    const report = await run({ origins: [origin] }, listOf({ top: 60 }));
    await node.close();
    expect(report).toMatchObject({ outcome: 'complete', away: [], filled: 60 });
  });

  it('copies at hand that are not all of a batch leave the rest to the origins', async () => {
    const { blocks } = await readCopies(regions.stores.us, ['row:1', 'row:2']);
    const work = [{ index: 0, keys: ['row:1', 'row:2', 'row:3'], reads: [], copies: blocks[0]! }];
    const report = await run({ work, origins: [fromSource()], keysKnown: 3 });
    expect(report).toMatchObject({ filled: 3, coverage: 1, refused: {} });
    expect(regions.eu.stats().loads).toBe(1);
  });

  it('keys of a keyspace that the source can not load are left out', async () => {
    const list = keyList({ others: [['row:1', 'other:1', 'row:x']] });
    expect(await run({ origins: [fromSource()] }, list)).toMatchObject({ filled: 1, refused: { absent: 2 } });
  });
});

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

describe('a warm-up beside live traffic', () => {
  it('slows down while that waits longer than usual, and comes back', async () => {
    let [liveMs, looks] = [1, 0];
    const speeds: number[] = [];
    // One key a batch: slow after the first ones, until it has slowed down to the least.
    const report = await run({
      work: workOf(await listOf({ top: 400 }), 1),
      keysKnown: 400,
      live: [
        {
          name: 'readers',
          async measureMs() {
            looks += 1;
            return liveMs;
          },
        },
      ],
      origins: [
        peerOrigin(
          'us',
          interrupted(regions.stores.us, () => new Promise((resolve) => setTimeout(resolve, 10))),
        ),
      ],
      onProgress({ keys, speed }) {
        speeds.push(speed);
        if (keys === 1) {
          expect(looks).toBeGreaterThanOrEqual(3);
          liveMs = 50;
        }
        if (speed <= 0.05) liveMs = 1;
      },
    });
    expect(report).toMatchObject({ outcome: 'complete', filled: 400 });
    expect(speeds[0]).toBe(1);
    const slowest = speeds.indexOf(0.05);
    expect(slowest).toBeGreaterThan(0);
    expect(Math.max(...speeds.slice(slowest))).toBeGreaterThan(0.2);
  });

  it('at a twentieth of its speed works a twentieth of the time', async () => {
    const steps: [speed: number, atMs: number][] = [];
    const slow = interrupted(regions.stores.us, () => new Promise((resolve) => setTimeout(resolve, 5)));
    const stop = new AbortController();
    await run({
      work: workOf(await listOf(), 1),
      live: [{ name: 'readers', measureMs: () => Promise.reject(new Error('away')) }],
      // Nothing is usual yet: what fails from the start is no news.
      origins: [peerOrigin('us', slow)],
      signal: stop.signal,
      onProgress({ speed, keys }) {
        steps.push([speed, performance.now()]);
        if (keys === 100) stop.abort();
      },
    });
    expect(new Set(steps.map(([speed]) => speed))).toEqual(new Set([1]));
    let answers = 0;
    const waits: number[] = [];
    let before = performance.now();
    const again = new AbortController();
    await run({
      work: workOf(await listOf(), 1),
      live: [{ name: 'readers', measureMs: async () => ((answers += 1) <= 3 ? 1 : 1_000) }],
      origins: [peerOrigin('us', slow)],
      signal: again.signal,
      onProgress({ speed }) {
        const atMs = performance.now();
        if (speed === 0.05) waits.push(atMs - before);
        before = atMs;
        if (waits.length === 6) again.abort();
      },
    });
    // Work of at least 5 ms, and nineteen times that of rest; the first waits may have begun faster.
    for (const ms of waits.slice(2)) expect(ms).toBeGreaterThan(95);
  });

  it('the loads of the source slow down with it', async () => {
    const seen: number[] = [];
    const origin = fromSource(1_000);
    if (origin.kind !== 'loads') throw new Error('it loads');
    const report = await run(
      {
        origins: [{ ...origin, load: (keys, signal) => origin.load(keys, signal, () => 0.1) }],
        onProgress: ({ tookMs }) => seen.push(tookMs),
      },
      listOf({ top: 100 }),
    );
    expect(report.filled).toBe(100);
    // 100 loads at a tenth of 1,000 a second, but for a burst.
    expect(report.tookMs).toBeGreaterThan(600);
  });

  it('keeps to its rate, copies too', async () => {
    const report = await run({ rateMax: 1_000 }, listOf({ top: 500 }));
    expect(report).toMatchObject({ outcome: 'complete', filled: 500 });
    expect(report.tookMs).toBeGreaterThan(300);
  });

  it('asked for a hit rate of reads that are shadowed, it stops when those would be hits', async () => {
    const shadowed = async function* (): AsyncGenerator<readonly string[]> {
      for (let i = 0; ; i += 1) {
        yield Array.from({ length: 10 }, (_, j) => `row:${(10 * i + j) % 100}`);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    };
    const list = await keyList({ others: [Array.from({ length: COUNT }, (_, id) => `row:${id}`)] });
    const rates: (number | null)[] = [];
    const slow = interrupted(regions.stores.us, () => new Promise((resolve) => setTimeout(resolve, 60)));
    const report = await run(
      {
        work: workOf(list, 25),
        origins: [peerOrigin('us', slow)],
        // Nobody recorded these.
        readsKnown: 0,
        shadow: { keys: shadowed(), window: 200 },
        until: parseGate('hit-rate=0.9'),
        onProgress: ({ hitRate }) => rates.push(hitRate),
      },
      Promise.resolve(list),
    );
    expect(report.outcome).toBe('gate');
    expect(report.hitRate).toBeGreaterThanOrEqual(0.9);
    // The hundred keys that are read, and not many more.
    expect(report.keys).toBeGreaterThanOrEqual(75);
    expect(report.keys).toBeLessThan(400);
    expect(rates.some((rate) => rate !== null && rate < 0.9)).toBe(true);
  });

  it('shadowed reads that stop say what they said; some that fail fail it; too few say nothing', async () => {
    const few = async function* (): AsyncGenerator<readonly string[]> {
      yield ['row:1'];
    };
    expect(await run({ shadow: { keys: few() }, until: parseGate('hit-rate=0.1') })).toMatchObject({
      outcome: 'complete',
      hitRate: null,
    });
    const failing = async function* (): AsyncGenerator<readonly string[]> {
      yield ['row:1'];
      throw new Error('no such log');
    };
    const slow = interrupted(regions.stores.us, () => new Promise((resolve) => setTimeout(resolve, 20)));
    await expect(run({ shadow: { keys: failing() }, origins: [peerOrigin('us', slow)] })).rejects.toThrow(
      'no such log',
    );
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
