import { anyUnit, runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { siftChanges } from './dead-letter.ts';
import { type Dependency, judgeDependency, judgeWatch } from './dependency.ts';
import { isKey } from './key.ts';
import { PARTITIONS_MAX, partitionOf } from './partition.ts';
import { comparePositions } from './position.ts';
import { type Fill, fillRecord, judgeFill, judgeRecord, raiseRecord, type StoredRecord } from './record.ts';
import { advanceState, initState, raiseScopes, raiseStateEpoch, type StoreState } from './store-state.ts';
import { compareVersions, isVersion } from './version.ts';

const KEY = 'city:1';
const era = fc.constantFrom(1, 1, 1, 2);
const version = fc.record({ era, n: fc.nat(6) });
const position = fc.record({ era, xid: fc.integer({ min: 5, max: 12 }) });

/** Everything that happens to a store, except that it lost or got back data. */
const rise = fc.oneof(
  fc.record({ raise: version }),
  fc.record({ scope: version }),
  fc.record({ epochBase: position }),
  fc.record({ to: position }),
);
type Rise = typeof rise extends fc.Arbitrary<infer R> ? R : never;
const rises = fc.array(rise, { maxLength: 12 });

interface World {
  readonly state: StoreState;
  readonly record: StoredRecord | null;
}

const fillArbitrary: fc.Arbitrary<Fill> = fc.record({
  key: fc.constant(KEY),
  version,
  scope: fc.nat(6),
  asOf: position,
  incarnation: fc.constant('life'),
  epoch: fc.nat(2),
  revision: fc.constant(0),
  schema: fc.constant(1),
  freshMs: fc.constant(10),
  staleMs: fc.constant(0),
  replaces: fc.constantFrom<Fill['replaces']>('any', null, 0, 5),
  data: fc.constant(null),
  dependencies: fc.constant([]),
  lease: fc.constant(null),
});

/** The worlds before and after each step; the record begins with a value, or with nothing. */
function* worlds(start: Fill | null, steps: readonly Rise[]): Generator<World> {
  let world: World = {
    state: initState('life', { era: 1, xid: 5 }, 0),
    record: start && {
      tidemark: start.version!,
      value: { ...start, version: start.version!, filledAtMs: 0 },
    },
  };
  yield world;
  let nowMs = 0;
  for (const step of steps) {
    const { state, record } = world;
    nowMs += 400;
    if ('raise' in step) world = { state, record: raiseRecord(record, step.raise) };
    else if ('scope' in step)
      world = { state: raiseScopes(state, [{ key: 'city', version: step.scope }]), record };
    else if ('epochBase' in step) world = { state: raiseStateEpoch(state, step.epochBase), record };
    else {
      const advance = { from: { era: 0, xid: 0 }, to: step.to };
      world = { state: advanceState(state, advance, 'line', nowMs, 500).state, record };
    }
    yield world;
  }
}

describe('a fill', () => {
  it('is admitted exactly when nothing rose above what it was labelled with', () => {
    const change = fc.record(
      {
        incarnation: fc.constant('another'),
        revision: fc.nat(4),
        version: fc.constant(null),
        lease: fc.constant('token'),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fillArbitrary, change, fc.option(fillArbitrary), rises, fc.boolean(), (...drawn) => {
        const [labels, changes, start, steps, leased] = drawn;
        const fill: Fill = { ...labels, ...changes };
        for (const { state, record } of worlds(start, steps)) {
          const { meta } = state;
          const none = { era: 0, n: 0 };
          const sameLife = fill.incarnation === meta.incarnation && fill.revision <= meta.revision;
          const notFlushed = fill.epoch >= meta.epoch && fill.scope >= (meta.scopes.get('city') ?? 0);
          const notBehind =
            fill.version === null
              ? leased
              : comparePositions(fill.asOf, meta.base) >= 0 &&
                fill.asOf.era <= meta.horizon.era &&
                compareVersions(fill.version, record?.tidemark ?? none) >= 0 &&
                (fill.replaces === 'any' ||
                  !record?.value ||
                  compareVersions(fill.version, record.value.version) !== 0 ||
                  fill.replaces === record.value.filledAtMs);
          const verdict = judgeFill(meta, record, fill, leased, false);
          expect(verdict === 'admitted').toBe(sameLife && notFlushed && notBehind);
          expect(judgeFill(null, record, fill, leased, false)).toBe('uninitialised');
          if (verdict !== 'admitted') continue;
          const after = fillRecord(record, fill, 3);
          expect(compareVersions(after.tidemark, record?.tidemark ?? none)).toBeGreaterThanOrEqual(0);
          expect(after.value!.version).toEqual(after.tidemark);
        }
      }),
      runs(1_000),
    );
  });
});

it('a dependency is watched exactly when nothing rose above what it was labelled with', () => {
  const watch = fc.record({
    key: fc.constantFrom(KEY, 'city'),
    version,
    scope: fc.nat(6),
    asOf: position,
    lifeMs: fc.constant(1),
  });
  fc.assert(
    fc.property(watch, fc.option(fillArbitrary), rises, (asked, start, steps) => {
      for (const { state, record } of worlds(start, steps)) {
        const { meta } = state;
        const current =
          asked.scope >= (meta.scopes.get('city') ?? 0) &&
          comparePositions(asked.asOf, meta.base) >= 0 &&
          asked.asOf.era <= meta.horizon.era &&
          compareVersions(asked.version, record?.tidemark ?? { era: 0, n: 0 }) >= 0;
        expect(judgeWatch(meta, record, asked, false) === 'admitted').toBe(current);
        expect(judgeWatch(null, record, asked, false)).toBe('uninitialised');
      }
    }),
    runs(500),
  );
});

describe('a store that only rises', () => {
  it('never admits later, within an era, what it refused before', () => {
    fc.assert(
      fc.property(fillArbitrary, fc.option(fillArbitrary), rises, (fill, start, steps) => {
        let refused: string | null = null;
        let refusedEra = 0;
        for (const { state, record } of worlds(start, steps)) {
          const verdict = judgeFill(state.meta, record, fill, false, false);
          // Scopes begin anew with an era; then the era itself refuses.
          if (refused === 'scope' && state.meta.horizon.era > refusedEra) {
            refused = fill.asOf.era < state.meta.horizon.era ? 'base' : null;
          }
          // It came before its era; what the store knows of that era begins now.
          if (refused === 'era' && state.meta.horizon.era >= fill.asOf.era) refused = null;
          if (refused !== null) expect(verdict).not.toBe('admitted');
          if (verdict === 'admitted') {
            expect(compareVersions(fill.version!, record?.tidemark ?? fill.version!)).toBeGreaterThanOrEqual(
              0,
            );
            continue;
          }
          refused = verdict;
          refusedEra = state.meta.horizon.era;
        }
      }),
      runs(1_000),
    );
  });

  it('never serves again, as fresh, what it ceased to serve', () => {
    fc.assert(
      fc.property(fillArbitrary, rises, fc.nat(12), (start, steps, ageMs) => {
        let ceased = false;
        let inEra = 0;
        for (const { state, record } of worlds(start, steps)) {
          const { era: now } = state.meta.horizon;
          // A value that is ahead of its store's era is judged by that era once the store is there.
          if (now > inEra && start.version!.era >= now) ceased = false;
          inEra = now;
          const freshness = judgeRecord(state.meta, record, 'city', 1, ageMs);
          if (ceased) expect(freshness).not.toBe('fresh');
          if (freshness !== 'fresh') ceased = true;
          else {
            expect(record!.value!.version).toEqual(record!.tidemark);
            expect(ageMs).toBeLessThan(10);
          }
        }
      }),
      runs(1_000),
    );
  });

  it('never trusts a dependency again that it ceased to trust, nor watches what it refused', () => {
    const dependency: fc.Arbitrary<Dependency> = fc.record({
      key: fc.constantFrom(KEY, 'city'),
      version,
      scope: fc.nat(6),
      incarnation: fc.constantFrom('life', 'life', 'another'),
      epoch: fc.nat(1),
    });
    fc.assert(
      fc.property(dependency, position, fillArbitrary, rises, (made, asOf, start, steps) => {
        let trusted = true;
        let watchable = true;
        for (const { state, record } of worlds(start, steps)) {
          if (state.meta.horizon.era > 1) return; // Where scopes begin anew; the era voids the value itself.
          const trusts = judgeDependency(state.meta, record, made);
          if (state.meta.epoch >= made.epoch && !trusted) expect(trusts).toBe(false);
          if (state.meta.epoch >= made.epoch) trusted = trusts;
          const verdict = judgeWatch(state.meta, record, { ...made, asOf, lifeMs: 1 }, false);
          if (!watchable) expect(verdict).not.toBe('admitted');
          watchable = verdict === 'admitted';
          if (trusts) {
            expect(made.incarnation).toBe('life');
            expect(made.epoch).toBe(state.meta.epoch);
            expect(made.scope).toBeGreaterThanOrEqual(state.meta.scopes.get('city') ?? 0);
            if (made.key === KEY) {
              expect(compareVersions(record!.tidemark, made.version)).toBeLessThanOrEqual(0);
            }
          }
        }
      }),
      runs(1_000),
    );
  });
});

it('dead letters and what can be applied are all of the changes, each once and in order', () => {
  const change = fc.record({
    key: fc.oneof(fc.constantFrom('city:1', 'city', 'City:1', 'city:{1}'), fc.string()),
    version: fc.record({ era: fc.constantFrom(1, -1, 0.5), n: fc.oneof(fc.nat(5), fc.double()) }),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
      const { applicable, letters } = siftChanges(changes);
      expect(changes.filter((each) => applicable.includes(each))).toEqual(applicable);
      expect(changes.filter((each) => !applicable.includes(each))).toEqual(
        letters.map((each) => each.change),
      );
      for (const { cause } of letters) expect(cause).not.toBe('');
      for (const { key, version: of } of applicable) expect(isKey(key) && isVersion(of)).toBe(true);
      for (const { change: each } of letters) expect(isKey(each.key) && isVersion(each.version)).toBe(false);
      // What is left needs no second look.
      expect(siftChanges(applicable)).toEqual({ applicable, letters: [] });
    }),
    runs(300),
  );
});

it('every text lies in exactly one partition, always the same', () => {
  const text = fc.oneof(fc.string({ unit: anyUnit }), fc.constantFrom('', '\uD800', '\0'));
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: PARTITIONS_MAX }), (key, count) => {
      const partition = partitionOf(key, count);
      expect(Number.isInteger(partition) && partition >= 0 && partition < count).toBe(true);
      expect(partitionOf(`${key}`, count)).toBe(partition);
    }),
    runs(300),
  );
});
