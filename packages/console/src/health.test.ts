import type { PairView, RegionView } from '@tidemark/inspect';
import { expect, it } from 'vitest';
import type { Health } from './api.ts';
import { healthOf, linksOf } from './health.ts';

const away = { reachable: false as const, code: 'E_X', reason: 'away' };

function view(part: Partial<RegionView>): RegionView {
  // Only whether they answer counts here.
  const there = { reachable: true } as unknown as RegionView['redis'] & RegionView['nats'];
  return {
    region: 'eu',
    role: 'replica',
    redis: there,
    nats: there,
    postgres: away,
    freshness: { boundMs: null, reason: 'no applier speaks' },
    backlog: null,
    deadLetters: null,
    ...part,
  };
}

it.each([
  [view({}), 100, 'good', null],
  [view({ nats: away }), 100, 'cut', 'away'],
  [view({ redis: away }), 100, 'cut', 'away'],
  [view({}), null, 'late', 'no applier speaks'],
  [view({}), 24_000, 'late', 'proven only up to 24 s ago'],
] as const)('a region is proven, late or cut %#', (region, boundMs, health, why) => {
  expect(healthOf(region, boundMs)).toEqual({ health, why });
});

function pair(from: string, to: string, part: Partial<PairView> = {}): PairView {
  return { from, to, following: true, messages: 0, behindMs: 0, roundTripMs: 80, reason: null, ...part };
}

it.each([
  [{}, ['good', 'good'], 'good'],
  [{ following: false }, ['good', 'good'], 'cut'],
  [{ behindMs: 9_000 }, ['good', 'good'], 'late'],
  [{}, ['good', 'cut'], 'cut'],
  [{}, ['late', 'good'], 'late'],
  [{ following: null, behindMs: null }, ['good', 'good'], 'good'],
] as const)('a way is as bad as its worst part: %j %j', (part, [us, eu], health) => {
  const pairs = [pair('us', 'us'), pair('us', 'eu'), pair('eu', 'us', part)];
  const links = linksOf(
    { pairs },
    new Map<string, Health>([
      ['us', us],
      ['eu', eu],
    ]),
  );
  expect(links).toMatchObject([{ a: 'eu', b: 'us', health, roundTripMs: 80 }]);
  expect(links[0]!.ways.map(({ from }) => from)).toEqual(['us', 'eu']);
});
