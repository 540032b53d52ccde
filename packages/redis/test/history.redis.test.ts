import { advanceState, HISTORY_LENGTH_MAX, type Position, type StoreState } from '@tidemark/core';
import { runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { metaText, readMeta } from '../src/meta-text.ts';
import { RedisHarness } from './redis-harness.ts';

const TTL_MS = 2_000_000;
const FORGET_MS = TTL_MS / 2;
/** Ages are drawn this coarsely, so that the moments between two clock reads change nothing. */
const GRAIN_MS = 50_000;

let redis: RedisHarness;

beforeAll(async () => {
  redis = await RedisHarness.start();
});
afterAll(() => redis.close());

const xid = fc.integer({ min: 100, max: 140 });
const position = fc.record({ era: fc.constantFrom(1, 1, 1, 2), xid });
/** How old a sample is, in grains; below zero after the clock of Redis stepped back. */
const age = fc.integer({ min: -3, max: 30 });
const sample = fc.record({ age, horizon: position });
const scenario = fc.record({
  horizon: position,
  base: position,
  samples: fc.oneof(
    { weight: 5, arbitrary: fc.array(sample, { maxLength: 5 }) },
    fc.array(sample, { minLength: HISTORY_LENGTH_MAX - 1, maxLength: HISTORY_LENGTH_MAX + 3 }),
  ),
  sorted: fc.boolean(),
  from: position,
  to: position,
});

function formatHistory(history: StoreState['history']): string {
  return history.map(({ atMs, horizon }) => `${atMs} ${horizon.era} ${horizon.xid}`).join(';');
}

function parseHistory(text: string): { atMs: number; horizon: Position }[] {
  return text.split(';').map((entry) => {
    const [atMs, era, xidOf] = entry.split(' ').map(Number);
    return { atMs: atMs!, horizon: { era: era!, xid: xidOf! } };
  });
}

it('base follows any history, on any clock, as advanceState says', async () => {
  const namespace = redis.namespace();
  const store = await redis.open({ namespace, tombstoneTtlMs: TTL_MS });
  const { client } = redis;
  const property = fc.asyncProperty(scenario, async ({ horizon, base, samples, sorted, from, to }) => {
    const [seconds, micros] = (await client.time()).map(Number);
    const nowMs = seconds! * 1_000 + Math.floor(micros! / 1_000);
    const aged = sorted ? samples.toSorted((a, b) => b.age - a.age) : samples;
    // Half a grain away from every threshold.
    const history = aged.map(({ age: grains, horizon: at }) => ({
      atMs: nowMs - grains * GRAIN_MS - GRAIN_MS / 2,
      horizon: at,
    }));
    const meta = {
      incarnation: 'life',
      lineage: 'line',
      epoch: 0,
      revision: 5,
      horizon,
      base,
      scopes: new Map([['city', 3]]),
    };
    await client.set(`${namespace}:meta`, metaText(meta));
    await client.set(`${namespace}:history`, formatHistory(history));
    const expected = advanceState({ meta, mark: null, history }, { from, to }, 'm', nowMs, FORGET_MS);
    const got = await store.apply({ invalidations: [], expect: null, mark: 'm', advance: { from, to } });
    expect(got).toEqual({ outcome: expected.outcome, meta: expected.state.meta });
    expect(readMeta((await client.get(`${namespace}:meta`))!)).toEqual(expected.state.meta);
    const text = (await client.get(`${namespace}:history`))!;
    const kept = text === '' ? [] : parseHistory(text);
    expect(kept.map((entry) => entry.horizon)).toEqual(expected.state.history.map((entry) => entry.horizon));
    expect(kept.length).toBeLessThanOrEqual(Math.max(HISTORY_LENGTH_MAX, history.length));
    for (const [i, { atMs }] of kept.entries()) {
      expect(Math.abs(atMs - expected.state.history[i]!.atMs)).toBeLessThan(GRAIN_MS / 4);
    }
  });
  await fc.assert(property, runs(300));
});
