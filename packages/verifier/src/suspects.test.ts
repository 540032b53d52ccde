import { expect, it } from 'vitest';
import type { Suspicion } from './finding.ts';
import { Suspects } from './suspects.ts';

const suspicion = (key: string, n = 1): Suspicion => ({
  ...{ kind: 'stale', severity: 'error', key, region: 'eu', tier: 'l2', newest: null, ageMs: 1, text: '' },
  version: { era: 1, n },
});
const raised = (...all: Suspicion[]) => all.map((each) => ({ suspicion: each, check: null }));
const all = (): boolean => true;
const none = (): boolean => false;

it('one look is no finding; a second one after a while is, once', () => {
  const suspects = new Suspects();
  expect(suspects.look(all, raised(suspicion('a:1')), 0)).toEqual([]);
  expect(suspects.due(600)).toEqual([]);
  expect(suspects.look(all, raised(suspicion('a:1')), 600)).toEqual([]);
  expect(suspects.due(700)).toEqual([{ key: 'a:1', checks: [] }]);
  expect(suspects.look(all, raised(suspicion('a:1')), 700)).toEqual([suspicion('a:1')]);
  expect(suspects.look(all, raised(suspicion('a:1')), 800)).toEqual([]);
  expect(suspects.look(all, raised(suspicion('a:1')), 2_000)).toEqual([]);
});

it('what a second look does not show again is no longer suspected', () => {
  const suspects = new Suspects();
  suspects.look(all, raised(suspicion('a:1')), 0);
  suspects.look(all, [], 800);
  expect(suspects.due(800)).toEqual([]);
  expect(suspects.look(all, raised(suspicion('a:1')), 900)).toEqual([]);
});

it('what could not be looked at again stays suspected, and is forgotten after a minute', () => {
  const suspects = new Suspects();
  suspects.look(all, raised(suspicion('a:1')), 0);
  suspects.look(none, [], 800);
  expect(suspects.due(800)).toHaveLength(1);
  suspects.due(60_001);
  expect(suspects.due(60_002)).toEqual([]);
});

it('a race, in which each look shows another version, is no finding', () => {
  const suspects = new Suspects();
  for (let i = 0; i < 20; i += 1)
    expect(suspects.look(all, raised(suspicion('a:1', i)), i * 1_000)).toEqual([]);
});

it('is bounded: what finds no room is left to the next check', () => {
  const suspects = new Suspects();
  const many = Array.from({ length: 1_500 }, (_, i) => suspicion(`a:${i}`));
  suspects.look(none, raised(...many), 0);
  expect(suspects.due(1_000)).toHaveLength(1_000);
});
