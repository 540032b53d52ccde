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
  | { readonly events: readonly Invalidation[] }
  | { readonly epochBase: Position }
  | { readonly ms: number };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ from: position, to: position }) },
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
  return advanceState(state, each, 'line', nowMs, FORGET_AFTER_MS).state;
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
      runs(500),
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
        for (const { before, after, nowMs } of walk(steps)) {
          if (after.meta.revision === before.meta.revision) continue;
          // A tombstone lives twice as long as the time after which its horizon counts as forgotten.
          for (const { atMs, horizon } of shown) {
            if (atMs > nowMs - 2 * FORGET_AFTER_MS) continue;
            expect(comparePositions(after.meta.base, horizon)).toBeGreaterThanOrEqual(0);
          }
          shown.push({ atMs: nowMs, horizon: after.meta.horizon });
        }
      }),
      runs(500),
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
          for (const [name, n] of before.meta.scopes) {
            expect(after.meta.scopes.get(name)).toBeGreaterThanOrEqual(n);
          }
          if (!('events' in each)) continue;
          for (const { key, version } of each.events) {
            if (key.includes(':')) expect(after.meta.scopes.has(key)).toBe(false);
            else if (after.meta.epoch === before.meta.epoch) {
              expect(after.meta.scopes.get(key) ?? 0).toBeGreaterThanOrEqual(version.n);
            }
          }
        }
      }),
      // An epoch raised into a new era kept the old era's scopes: the keyspace was never cached again.
      runs<[Step[]]>(500, { examples: [[KEPT_SCOPES]] }),
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
            for (const sent of chain.sent) expect(batches.has(sent)).toBe(true);
            expect(state.meta.lineage).toBe(chain.lineage);
            claims.push({ lineage: chain.lineage, revision: state.meta.revision, batches });
          }
          if (moved.outcome === 'mark') chains[each.applier] = fresh(`${each.applier} ${number}`);
        }
        pasts[each.server]!.push({ state, batches });
      }
      for (const { state, batches } of pasts.flat()) {
        for (const claim of claims) {
          if (state.meta.lineage !== claim.lineage || state.meta.revision < claim.revision) continue;
          for (const batch of claim.batches) expect(batches.has(batch)).toBe(true);
        }
      }
    }),
    runs(500),
  );
});
