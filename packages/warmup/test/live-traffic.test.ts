import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keyList, parseGate, peerOrigin, workOf } from '../src/index.ts';
import { interrupted, type WarmRegions, warmRegions } from './warm-regions.ts';
import { COUNT, Warmer } from './warmer.ts';

let regions: WarmRegions;
const { listOf, run, fromSource } = new Warmer(() => regions);

beforeEach(async () => {
  regions = await warmRegions(COUNT);
});
afterEach(() => regions.close());

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
    // Work of 5 ms (as far as timers are exact), and nineteen times that of rest; the first waits may have begun faster.
    for (const ms of waits.slice(2)) expect(ms).toBeGreaterThan(75);
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

  it('reads that were shadowed before all was filled are looked at once more at the end', async () => {
    const early = async function* (): AsyncGenerator<readonly string[]> {
      yield Array.from({ length: 200 }, (_, i) => `row:${i}`);
    };
    let seen = (): void => {};
    const looked = new Promise<void>((resolve) => (seen = resolve));
    const rates: (number | null)[] = [];
    const slow = interrupted(regions.stores.us, () => looked);
    const report = await run({
      origins: [peerOrigin('us', slow)],
      shadow: {
        keys: (async function* () {
          yield* early();
          seen();
        })(),
      },
      until: parseGate('hit-rate=0.9'),
      onProgress: ({ hitRate }) => rates.push(hitRate),
    });
    expect(rates[0]).toBe(0);
    expect(report).toMatchObject({ outcome: 'complete', hitRate: 1 });
  });

  it('a region that is filled before anything was shadowed waits for what says something', async () => {
    let filled = (): void => {};
    const done = new Promise<void>((resolve) => (filled = resolve));
    const late = async function* (): AsyncGenerator<readonly string[]> {
      await done;
      yield Array.from({ length: 200 }, (_, i) => `row:${i}`);
    };
    const report = await run({
      shadow: { keys: late() },
      until: parseGate('hit-rate=0.9'),
      onProgress: ({ coverage }) => coverage === 1 && filled(),
    });
    expect(report.hitRate).toBe(1);
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
