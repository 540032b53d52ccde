import { runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  noteKey,
  noteScope,
  reaches,
  requiredOf,
  SESSION_KEYS_MAX,
  SESSION_NEW,
  SESSION_SCOPES_MAX,
  type SessionState,
} from './session-state.ts';
import type { Version } from './version.ts';

interface Note {
  readonly scope: boolean;
  readonly hash: string;
  readonly version: Version;
}

const HASHES = Array.from({ length: 60 }, (_, id) => `hash ${id}`);
const hashes = (count: number) => fc.nat(count - 1).map((id) => `hash ${id}`);
const versionOf = (eras: readonly number[]) =>
  fc.record({ era: fc.constantFrom(...eras), n: fc.oneof(fc.nat(9), fc.maxSafeNat()) });
const noteOf = (count: number, eras: readonly number[]): fc.Arbitrary<Note> =>
  fc.record({ scope: fc.boolean(), hash: hashes(count), version: versionOf(eras) });
const anyNotes = fc.array(noteOf(60, [1, 1, 1, 2]), { maxLength: 120 });

function note(state: SessionState, { scope, hash, version }: Note): SessionState {
  return (scope ? noteScope : noteKey)(state, hash, version);
}

describe('what a session requires', () => {
  it('never falls, nor below what it wrote or saw, over any history', () => {
    fc.assert(
      fc.property(anyNotes, (notes) => {
        let state = SESSION_NEW;
        for (const each of notes) {
          const before = state;
          state = note(state, each);
          const { hash, version, scope } = each;
          expect(state.era).toBe(Math.max(before.era, scope && version.n === 0 ? 0 : version.era));
          expect(state.keys.byHash.size).toBeLessThanOrEqual(SESSION_KEYS_MAX);
          expect(state.scopes.byHash.size).toBeLessThanOrEqual(SESSION_SCOPES_MAX);
          // Of a new era nothing was known: what it requires is what was noted, and no number of the old one.
          if (state.era > before.era) {
            expect([...state.keys.byHash.values(), ...state.scopes.byHash.values()]).toEqual([version.n]);
          }
          const what = scope ? 'scopes' : 'keys';
          if (version.era === state.era) {
            expect(requiredOf(state[what], hash)).toBeGreaterThanOrEqual(version.n);
          }
          if (state.era > before.era) continue;
          const fell = HASHES.filter(
            (of) =>
              requiredOf(state.keys, of) < requiredOf(before.keys, of) ||
              requiredOf(state.scopes, of) < requiredOf(before.scopes, of),
          );
          expect(fell).toEqual([]);
        }
      }),
      runs(100),
    );
  });

  it('is met by less and less: what it may be served later, it might have been served before', () => {
    const probe = fc.record({
      hash: hashes(60),
      version: versionOf([1, 2, 3]),
      space: hashes(60),
      n: fc.nat(12),
    });
    fc.assert(
      fc.property(anyNotes, fc.array(probe, { minLength: 5, maxLength: 5 }), (notes, probes) => {
        let state = SESSION_NEW;
        const allowed = (): boolean[] =>
          probes.map(({ hash, version, space, n }) => reaches(state, hash, version, space, n));
        let before = allowed();
        for (const each of notes) {
          state = note(state, each);
          const now = allowed();
          expect(now.filter((may, i) => may && !before[i])).toEqual([]);
          before = now;
        }
      }),
      runs(300),
    );
  });

  it('joins: of few keys it is the same in any order, any grouping and after any repetition', () => {
    const few = fc.array(noteOf(SESSION_SCOPES_MAX, [1, 1, 2]), { maxLength: 40 });
    fc.assert(
      fc.property(few, fc.func(fc.integer()), (notes, order) => {
        const again = [...notes, ...notes].toSorted((a, b) => order(a) - order(b));
        const known = (list: readonly Note[]): unknown => {
          const { era, keys, scopes } = list.reduce(note, SESSION_NEW);
          return { era, floor: keys.floor, keys: new Map(keys.byHash), scopes: new Map(scopes.byHash) };
        };
        expect(known(again)).toEqual(known(notes));
      }),
      runs(300),
    );
  });

  it('forgets nothing into less: with many keys the floor stands in for each of them', () => {
    fc.assert(
      fc.property(fc.array(noteOf(200, [1]), { maxLength: 300 }), (notes) => {
        const state = notes.reduce(note, SESSION_NEW);
        const missed = notes.filter(({ scope, hash, version }) => {
          const below = { ...version, n: version.n - 1 };
          return scope
            ? version.n > 0 && reaches(state, 'new', { era: 1, n: 2 ** 53 - 1 }, hash, version.n - 1)
            : version.n > 0 && reaches(state, hash, below, 'new', 2 ** 53 - 1);
        });
        expect(missed).toEqual([]);
      }),
      runs(100),
    );
  });
});
