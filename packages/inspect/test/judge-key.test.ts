import { initState, type StoredRecord, type StoreView } from '@tidemark/core';
import { describe, expect, it } from 'vitest';
import { judgeLoad, judgeServing } from '../src/judge-key.ts';

const HORIZON = { era: 1, xid: 50 };
const { meta } = initState('life', HORIZON, 0);
const at = (n: number): { era: number; n: number } => ({ era: 1, n });

function view(version: number, tidemark = version, more: Partial<StoredRecord['value']> = {}): StoreView {
  const value = {
    version: at(version),
    scope: 0,
    epoch: 0,
    schema: 1,
    filledAtMs: 0,
    freshMs: 1_000,
    staleMs: 1_000,
    data: new Uint8Array(3),
    dependencies: [],
    ...more,
  };
  return { meta, record: { tidemark: at(tidemark), value }, nowMs: 500 };
}

const PROVEN = { boundMs: 100, askedMs: 2_000, labels: { versions: [at(7)], scopes: [0] } };

describe('a value of the newest version', () => {
  it('is served at every level', () => {
    const { verdict, serves } = judgeServing('a:1', view(7), [], PROVEN);
    expect([verdict, Object.values(serves).map(({ served }) => served)]).toEqual([
      'fresh',
      [true, true, true, true],
    ]);
  });

  it('is not proven without a claim, nor for less than it is proven', () => {
    for (const boundMs of [Number.POSITIVE_INFINITY, 2_001]) {
      const { serves } = judgeServing('a:1', view(7), [], { ...PROVEN, boundMs });
      expect([serves.eventual.served, serves.bounded.why]).toEqual([true, 'unproven']);
    }
  });

  it('can not be compared while the source is away', () => {
    const { serves } = judgeServing('a:1', view(7), [], { ...PROVEN, labels: null });
    expect([serves.session.why, serves.latest.why]).toEqual(['source-away', 'source-away']);
    expect(serves.session.text).toContain('1.7');
  });
});

it('a value of which the region has not heard yet that it is old is not served to who knows, or asks', () => {
  const { serves } = judgeServing('a:1', view(6), [], PROVEN);
  expect(serves.eventual).toMatchObject({ served: true });
  expect(serves.session).toMatchObject({ served: false, why: 'behind-source' });
  expect(serves.latest.text).toContain('1.7 of it');
  const flushed = { ...PROVEN, labels: { versions: [at(6)], scopes: [9] } };
  expect(judgeServing('a:1', view(6), [], flushed).serves.latest).toMatchObject({ why: 'behind-source' });
});

it('a dependency that moved is named', () => {
  const dependency = { key: 'tag:x', version: at(3), scope: 0, incarnation: 'life', epoch: 0 };
  const made = view(7, 7, { dependencies: [dependency] });
  const watched = { meta, record: { tidemark: at(3), value: null }, nowMs: 500 };
  const labels = { versions: [at(7), at(4)], scopes: [0, 0] };
  const { serves } = judgeServing('a:1', made, [watched], { ...PROVEN, labels });
  expect(serves.latest.text).toContain('1.4 of tag:x');
  const risen = { ...watched, record: { tidemark: at(4), value: null } };
  expect(judgeServing('a:1', made, [risen], PROVEN).verdict).toBe('dependency');
  expect(judgeServing('a:1', made, [], PROVEN).verdict).toBe('dependency');
});

it.each([
  ['below-tidemark', view(6, 7)],
  ['expired', { ...view(7), nowMs: 2_000 }],
  ['void', view(7, 7, { epoch: -1 })],
  ['absent', { meta, record: { tidemark: at(7), value: null }, nowMs: 0 }],
  ['absent', { ...view(7), meta: null }],
] as const)('%s: served at no level, with one reason', (why, each) => {
  const { verdict, serves } = judgeServing('a:1', each, [], PROVEN);
  expect(verdict).toBe(why);
  for (const serving of Object.values(serves)) expect(serving).toMatchObject({ served: false, why });
});

it('past its TTL and within its stale window it is served, and said to be stale', () => {
  expect(judgeServing('a:1', { ...view(7), nowMs: 1_500 }, [], PROVEN).serves.eventual).toMatchObject({
    why: 'stale',
  });
});

it('a load now is judged as any fill', () => {
  const load = { version: at(7), scope: 0, asOf: HORIZON };
  expect(judgeLoad('a:1', view(6), load)).toBe('admitted');
  expect(judgeLoad('a:1', view(7), load)).toBe('admitted');
  expect(judgeLoad('a:1', view(8), load)).toBe('below-tidemark');
  expect(judgeLoad('a:1', view(6), { ...load, asOf: { era: 1, xid: 49 } })).toBe('base');
  expect(judgeLoad('a:1', view(6), { ...load, asOf: { era: 2, xid: 1 } })).toBe('era');
  expect(judgeLoad('a:1', { meta: null, record: null }, load)).toBe('uninitialised');
});
