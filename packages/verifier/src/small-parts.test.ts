import { describe, expect, it } from 'vitest';
import { Budget } from './budget.ts';
import { Patience } from './patience.ts';
import { Roster } from './roster.ts';
import { isSampled } from './sample.ts';
import { parseState } from './saved-state.ts';
import type { NodeAnswer } from '@tidemark/core';

const answers = (...nodes: string[]): NodeAnswer[] => nodes.map((node) => ({ node }) as NodeAnswer);

it('a budget gives so many a second, and saves up no more than a second’s', () => {
  const budget = new Budget(10, 0);
  expect(Array.from({ length: 12 }, () => budget.take(0)).filter(Boolean)).toHaveLength(10);
  expect(budget.left(500)).toBe(5);
  expect(budget.left(60_000)).toBe(10);
});

it('what failed is left alone for a while', async () => {
  let nowMs = 0;
  let asked = 0;
  const patience = new Patience(() => nowMs);
  const fail = async (): Promise<never> => {
    asked += 1;
    throw new Error('away');
  };
  expect(await patience.ask(fail)).toBeNull();
  nowMs = 1_999;
  expect(await patience.ask(fail)).toBeNull();
  expect(asked).toBe(1);
  nowMs = 2_000;
  expect(await patience.ask(async () => 'there')).toBe('there');
});

it('a node that answered lately and does not now is silent, until it is gone', () => {
  const roster = new Roster();
  roster.heard(answers('a', 'b'), 0);
  expect(roster.silent(answers('a'))).toBe(1);
  roster.heard(answers('a'), 10_001);
  expect([roster.size, roster.silent(answers('a'))]).toEqual([1, 0]);
});

describe('a sample', () => {
  it('has about its share, and whoever draws it draws the same', () => {
    const drawn = Array.from({ length: 20_000 }, (_, n) => isSampled(`item:${n % 50}`, { era: 1, n }, 0.1));
    const share = drawn.filter(Boolean).length / drawn.length;
    expect(share).toBeGreaterThan(0.09);
    expect(share).toBeLessThan(0.11);
    expect(drawn[7]).toBe(isSampled('item:7', { era: 1, n: 7 }, 0.1));
    expect(isSampled('item:7', { era: 1, n: 7 }, 1)).toBe(true);
  });
});

it('a saved state that this release can’t go on with is none', () => {
  const good = {
    ...{ format: 1, writer: 'w', nextId: 3, agesMs: [1_000], places: { us: [2] }, sinceMs: 1 },
    ...{ cells: [], seen: { events: 1, sampledOut: 0, noRoom: 0, compared: 0 }, findings: {}, horizon: null },
  };
  expect(parseState(good)).toEqual(good);
  for (const bad of [
    null,
    'x',
    { ...good, format: 2 },
    { ...good, places: { us: ['x'] } },
    { ...good, cells: [{}] },
    { ...good, horizon: { era: -1, xid: 0 } },
    { ...good, seen: { events: -1 } },
  ])
    expect(parseState(bad)).toBeNull();
});
