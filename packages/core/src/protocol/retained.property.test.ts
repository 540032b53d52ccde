import { runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { RETAIN_MAX, type RetainedValue, retainValue } from './retained.ts';
import { compareVersions } from './version.ts';

/** A version is of one content, whoever brings it and however often. */
const fact = fc
  .record({ era: fc.integer({ min: 1, max: 3 }), n: fc.nat(12) })
  .map((version): RetainedValue => ({
    version,
    schema: 1,
    filledAtMs: 0,
    data: version.n % 4 === 0 ? null : Uint8Array.of(version.era, version.n),
  }));
const facts = fc.array(fact, { maxLength: 25 });
const keep = fc.integer({ min: 1, max: RETAIN_MAX });

function history(of: readonly RetainedValue[], keepMax: number): readonly RetainedValue[] {
  return of.reduce((known: readonly RetainedValue[], each) => retainValue(known, each, keepMax), []);
}

it('a history is the same whatever order its facts come in, and however often', () => {
  fc.assert(
    fc.property(facts, facts, keep, fc.func(fc.integer()), (some, more, keepMax, order) => {
      const told = [...some, ...more];
      const again = [...told, ...some].toSorted((a, b) => order(a, 1) - order(b, 1));
      expect(history(again, keepMax)).toEqual(history(told, keepMax));
    }),
    runs(300),
  );
});

it('a history is the newest of the newest era, newest first, and holds nothing that was not told', () => {
  fc.assert(
    fc.property(facts, keep, (told, keepMax) => {
      const known = history(told, keepMax);
      const era = Math.max(0, ...told.map(({ version }) => version.era));
      const numbers = new Set(
        told.filter(({ version }) => version.era === era).map(({ version: { n } }) => n),
      );
      const newest = [...numbers].sort((a, b) => b - a).slice(0, keepMax);
      expect(known.map(({ version }) => version)).toEqual(newest.map((n) => ({ era, n })));
      for (const each of known) expect(told).toContainEqual(each);
    }),
    runs(300),
  );
});

it('a history never goes back: its newest fact only rises', () => {
  fc.assert(
    fc.property(facts, fc.array(keep, { minLength: 25, maxLength: 25 }), (told, limits) => {
      let known: readonly RetainedValue[] = [];
      for (const [i, each] of told.entries()) {
        const [before] = known;
        known = retainValue(known, each, limits[i]!);
        if (before) expect(compareVersions(known[0]!.version, before.version)).toBeGreaterThanOrEqual(0);
      }
    }),
    runs(200),
  );
});
