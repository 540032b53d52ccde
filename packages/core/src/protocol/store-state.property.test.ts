import { runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Invalidation } from './event.ts';
import { comparePositions, type Position } from './position.ts';
import {
  type Advance,
  advanceState,
  chainBatch,
  HISTORY_LENGTH_MAX,
  initState,
  raiseScopes,
  raiseStateEpoch,
  SCOPES_MAX,
  type StoreState,
} from './store-state.ts';

const FORGET_AFTER_MS = 620;
const START = initState('life', { era: 1, xid: 5 }, 0);

const xid = fc.oneof({ weight: 5, arbitrary: fc.nat(20) }, fc.constant(2 ** 53 - 1));
const position: fc.Arbitrary<Position> = fc.record({ era: fc.constantFrom(1, 1, 1, 2, 3), xid });
const scopeEvent = fc.record({
  key: fc.oneof(
    fc.constantFrom('city', 'town', 'city:1'),
    fc.nat(SCOPES_MAX + 5).map((n) => `space${n}`),
  ),
  version: fc.record({ era: fc.constantFrom(1, 2), n: fc.nat(9) }),
});
type Step =
  | Advance
  // Relative to the horizon: most barriers chain.
  | { readonly back: number; readonly rise: number }
  | { readonly events: readonly Invalidation[] }
  | { readonly epochBase: Position }
  | { readonly ms: number };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ back: fc.nat(2), rise: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ from: position, to: position }) },
  { weight: 2, arbitrary: fc.record({ events: fc.array(scopeEvent, { maxLength: 6 }) }) },
  fc.record({ epochBase: position }),
  // The store's clock, which may also leap and step back.
  { weight: 6, arbitrary: fc.record({ ms: fc.constantFrom(1, 9, 10, 100, 619, 620, 1_241, 5_000, -50) }) },
);

const KEPT_SCOPES: Step[] = [
  { events: [{ key: 'city', version: { era: 1, n: 1 } }] },
  { epochBase: { era: 3, xid: 0 } },
];

function run(state: StoreState, each: Step, nowMs: number): StoreState {
  if ('events' in each) return raiseScopes(state, each.events);
  if ('epochBase' in each) return raiseStateEpoch(state, each.epochBase);
  if ('ms' in each) return state;
  const { horizon } = state.meta;
  const advance =
    'back' in each
      ? {
          from: { ...horizon, xid: Math.max(0, horizon.xid - each.back) },
          to: { ...horizon, xid: Math.min(2 ** 53 - 1, horizon.xid + each.rise) },
        }
      : each;
  return advanceState(state, advance, 'line', nowMs, FORGET_AFTER_MS).state;
}

/** The steps one by one, each with the states around it and the clock at it. */
function* walk(steps: readonly Step[]): Generator<{
  readonly each: Step;
  readonly before: StoreState;
  readonly after: StoreState;
  readonly nowMs: number;
}> {
  let nowMs = 0;
  let before = START;
  for (const each of steps) {
    if ('ms' in each) nowMs = Math.max(0, nowMs + each.ms);
    const after = run(before, each, nowMs);
    yield { each, before, after, nowMs };
    before = after;
  }
}

describe('a store', () => {
  it('never goes back: eras, horizons, bases, epochs and revisions only rise', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        for (const { before, after } of walk(steps)) {
          expect(after.meta.incarnation).toBe('life');
          expect(comparePositions(after.meta.horizon, before.meta.horizon)).toBeGreaterThanOrEqual(0);
          expect(comparePositions(after.meta.base, before.meta.base)).toBeGreaterThanOrEqual(0);
          expect(comparePositions(after.meta.base, after.meta.horizon)).toBeLessThanOrEqual(0);
          expect(after.meta.epoch).toBeGreaterThanOrEqual(before.meta.epoch);
          expect(after.meta.revision).toBeGreaterThanOrEqual(before.meta.revision);
          expect(after.history.length).toBeLessThanOrEqual(HISTORY_LENGTH_MAX);
        }
      }),
      runs(200),
    );
  });

  it('moves its horizon by exactly the barriers that chain', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), position, position, (steps, from, to) => {
        const [last] = [...walk(steps)].slice(-1);
        const before = last?.after ?? START;
        const { horizon } = before.meta;
        const { state, outcome } = advanceState(before, { from, to }, 'line', 10, FORGET_AFTER_MS);
        const behind = comparePositions(to, horizon) < 0;
        const gap = comparePositions(from, horizon) > 0;
        expect(outcome).toBe(behind ? 'behind' : gap ? 'gap' : 'advanced');
        expect(state === before).toBe(outcome !== 'advanced');
        if (outcome === 'advanced') expect(state.meta.horizon).toEqual(to);
      }),
      runs(300),
    );
  });

  it('ends at one horizon whatever the order and repetition of barriers that all start at its own', () => {
    const barriers = fc.array(position, { maxLength: 12 });
    fc.assert(
      fc.property(barriers, fc.func(fc.integer()), (ends, order) => {
        const from = { era: 0, xid: 0 };
        const horizonOf = (list: readonly Position[]) =>
          list.reduce(
            (state, to) => advanceState(state, { from, to }, 'line', 0, FORGET_AFTER_MS).state,
            START,
          ).meta.horizon;
        const again = [...ends, ...ends].toSorted((a, b) => order(a) - order(b));
        expect(horizonOf(again)).toEqual(horizonOf(ends));
      }),
      runs(200),
    );
  });

  it('counts as forgotten whatever tombstones may have expired, on any clock', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const shown: { readonly atMs: number; readonly horizon: Position }[] = [];
        for (const { each, before, after, nowMs } of walk(steps)) {
          if ('epochBase' in each || after.meta.revision === before.meta.revision) continue;
          const last = before.history.at(-1);
          if (last && last.atMs > nowMs) {
            // The clock stepped back: nobody knows how old the samples are.
            expect(comparePositions(after.meta.base, last.horizon)).toBeGreaterThanOrEqual(0);
          }
          // A tombstone lives twice as long as the time after which its horizon counts as forgotten.
          const missed = shown.filter(
            ({ atMs, horizon }) =>
              atMs <= nowMs - 2 * FORGET_AFTER_MS && comparePositions(after.meta.base, horizon) < 0,
          );
          expect(missed).toEqual([]);
          shown.push({ atMs: nowMs, horizon: after.meta.horizon });
        }
      }),
      runs(200),
    );
  });

  it('forgets step by step: what expired between two barriers, and not all that it has seen', () => {
    const beat = fc.record({ ms: fc.oneof(fc.nat(12), fc.nat(200)), rise: fc.nat(3) });
    fc.assert(
      fc.property(fc.array(beat, { maxLength: 150 }), (beats) => {
        let state = START;
        let nowMs = 0;
        const shown = [{ atMs: nowMs, horizon: state.meta.horizon }];
        for (const { ms, rise } of beats) {
          nowMs += ms;
          const from = state.meta.horizon;
          const to = { era: 1, xid: from.xid + rise };
          state = advanceState(state, { from, to }, 'line', nowMs, FORGET_AFTER_MS).state;
          shown.push({ atMs: nowMs, horizon: to });
          expect(state.history.length).toBeLessThanOrEqual(HISTORY_LENGTH_MAX);
          const atMost = shown.findLast(({ atMs }) => atMs <= nowMs - FORGET_AFTER_MS)?.horizon.xid ?? 5;
          const atLeast = shown.findLast(({ atMs }) => atMs <= nowMs - 2 * FORGET_AFTER_MS)?.horizon.xid ?? 5;
          expect(state.meta.base.xid).toBeGreaterThanOrEqual(atLeast);
          expect(state.meta.base.xid).toBeLessThanOrEqual(atMost);
        }
      }),
      runs(60),
    );
  });

  it('keeps the scopes of an era, or raises its epoch for those that it has no room for', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        for (const { each, before, after } of walk(steps)) {
          expect(after.meta.scopes.size).toBeLessThanOrEqual(SCOPES_MAX);
          if (after.meta.horizon.era > before.meta.horizon.era) {
            // Versions of the new era are small again; nothing of the old one may be served anyway.
            expect(after.meta.scopes.size).toBe(0);
            expect(after.meta.base).toEqual(after.meta.horizon);
            continue;
          }
          const lost = [...before.meta.scopes].filter(([name, n]) => (after.meta.scopes.get(name) ?? -1) < n);
          expect(lost).toEqual([]);
          if (!('events' in each)) continue;
          for (const { key, version } of each.events) {
            if (key.includes(':')) expect(after.meta.scopes.has(key)).toBe(false);
            else if (version.era > before.meta.horizon.era) {
              expect(after.meta.epoch).toBeGreaterThan(before.meta.epoch);
            } else if (version.era === before.meta.horizon.era && after.meta.epoch === before.meta.epoch) {
              expect(after.meta.scopes.get(key) ?? 0).toBeGreaterThanOrEqual(version.n);
            }
          }
        }
      }),
      // An epoch raised into a new era kept the old era's scopes: the keyspace was never cached again.
      runs<[Step[]]>(200, { examples: [[KEPT_SCOPES]] }),
    );
  });

  it('forgets no keyspace that was invalidated: with more than it has room for, all of them are void', () => {
    const many = fc.array(fc.record({ key: fc.nat(200).map((n) => `space${n}`), n: fc.nat(5) }), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(many, (events) => {
        let state = START;
        for (const { key, n } of events) {
          const { epoch } = state.meta;
          state = raiseScopes(state, [{ key, version: { era: 1, n } }]);
          expect(state.meta.scopes.size).toBeLessThanOrEqual(SCOPES_MAX);
          expect(state.meta.epoch > epoch || (state.meta.scopes.get(key) ?? 0) >= n).toBe(true);
        }
      }),
      runs(50),
    );
  });

  it('has the same scopes whatever the order and repetition of events, while there is room', () => {
    const events = fc.array(scopeEvent, { maxLength: 20 });
    fc.assert(
      fc.property(events, fc.func(fc.integer()), (told, order) => {
        const again = [...told, ...told].toSorted((a, b) => order(a) - order(b));
        const scopesOf = (list: typeof told) => raiseScopes(START, list).meta.scopes;
        expect(scopesOf(again)).toEqual(scopesOf(told));
      }),
      runs(200),
    );
  });
});

/** Servers of one store, of which some are copies that lag or forked; appliers may be moved between them. */
const APPLIERS = 2;
const SERVERS = 3;
const act = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      applier: fc.nat(APPLIERS - 1),
      server: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(SERVERS - 1)),
      advances: fc.boolean(),
    }),
  },
  // A server becomes what another one was some batches ago: failover, rollback or split.
  fc.record({ to: fc.nat(SERVERS - 1), of: fc.nat(SERVERS - 1), ago: fc.nat(4) }),
);

interface Shadow {
  readonly state: StoreState;
  /** Batches that this state has. */
  readonly batches: ReadonlySet<number>;
}

it('a state that shows a lineage and a revision has all that the claim for them spoke of, after any failovers', () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const pasts: Shadow[][] = Array.from({ length: SERVERS }, () => [{ state: START, batches: new Set() }]);
      const fresh = (name: string) => ({
        lineage: name,
        expect: null as string | null,
        sent: [] as number[],
      });
      const chains = Array.from({ length: APPLIERS }, (_, i) => fresh(`${i}`));
      const claims: { lineage: string; revision: number; batches: ReadonlySet<number> }[] = [];
      for (const [number, each] of acts.entries()) {
        if ('ago' in each) {
          pasts[each.to]!.push(pasts[each.of]!.at(-1 - each.ago) ?? pasts[each.of]![0]!);
          continue;
        }
        const head = pasts[each.server]!.at(-1)!;
        const chain = chains[each.applier]!;
        const mark = `mark ${number}`;
        const link = { expect: chain.expect, mark, lineage: chain.lineage };
        const chained = chainBatch(head.state, link);
        const batches = new Set(head.batches).add(number);
        chain.expect = mark;
        chain.sent.push(number);
        let { state } = chained;
        if (each.advances) {
          const at: Advance = { from: START.meta.horizon, to: { era: 1, xid: 10 + number } };
          const moved = advanceState(state, at, chained.lineage, 0, FORGET_AFTER_MS);
          state = moved.state;
          if (moved.outcome === 'advanced') {
            expect(chain.sent.filter((sent) => !batches.has(sent))).toEqual([]);
            expect(state.meta.lineage).toBe(chain.lineage);
            claims.push({ lineage: chain.lineage, revision: state.meta.revision, batches });
          }
          if (moved.outcome === 'mark') chains[each.applier] = fresh(`${each.applier} ${number}`);
        }
        pasts[each.server]!.push({ state, batches });
      }
      for (const { state, batches } of new Set(pasts.flat())) {
        const { lineage, revision } = state.meta;
        const spoken = claims.filter((claim) => claim.lineage === lineage && claim.revision <= revision);
        expect(spoken.flatMap((claim) => [...claim.batches].filter((each) => !batches.has(each)))).toEqual(
          [],
        );
      }
    }),
    runs(300),
  );
});
