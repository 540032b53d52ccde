import { runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareGenerations, parseGeneration } from './generation.ts';
import { comparePositions, formatPosition, isPosition, maxPosition, POSITION_NONE } from './position.ts';
import {
  compareVersions,
  formatVersion,
  isOrdinal,
  isVersion,
  maxVersion,
  VERSION_NONE,
  type Version,
} from './version.ts';

/** Mostly near each other, so that they meet; and at the ends of the range, where a difference may round. */
const ordinal = fc.oneof(
  { weight: 4, arbitrary: fc.nat(4) },
  fc.maxSafeNat(),
  fc.constantFrom(2 ** 53 - 1, 2 ** 53 - 2, 2 ** 32, 2 ** 31),
);
const version = fc.record({ era: ordinal, n: ordinal });
const positionOf = ({ era, n }: Version) => ({ era, xid: n });

const ORDERS = [
  {
    name: 'versions',
    compare: compareVersions,
    join: maxVersion,
    none: VERSION_NONE,
  },
  {
    name: 'positions',
    compare: (a: Version, b: Version) => comparePositions(positionOf(a), positionOf(b)),
    join: (a: Version, b: Version) => {
      const { era, xid } = maxPosition(positionOf(a), positionOf(b));
      return { era, n: xid };
    },
    none: { era: POSITION_NONE.era, n: POSITION_NONE.xid },
  },
  {
    name: 'generations',
    compare: (a: Version, b: Version) => compareGenerations(formatVersion(a), formatVersion(b)),
    join: maxVersion,
    none: VERSION_NONE,
  },
];

describe.each(ORDERS)('$name', ({ compare, join, none }) => {
  it('are in one total order: the era first, then the number', () => {
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(Math.sign(compare(a, b)) + Math.sign(compare(b, a))).toBe(0);
        expect(compare(a, b) === 0).toBe(a.era === b.era && a.n === b.n);
        if (compare(a, b) <= 0 && compare(b, c) <= 0) expect(compare(a, c)).toBeLessThanOrEqual(0);
        if (a.era < b.era) expect(compare(a, b)).toBeLessThan(0);
        if (a.era === b.era && a.n < b.n) expect(compare(a, b)).toBeLessThan(0);
      }),
      runs(500),
    );
  });

  it('join in any order, any grouping and any number of times, and never below what went in', () => {
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(join(a, b)).toEqual(join(b, a));
        expect(join(join(a, b), c)).toEqual(join(a, join(b, c)));
        expect(join(a, a)).toEqual(a);
        expect(join(a, none)).toEqual(a);
        expect(compare(join(a, b), a)).toBeGreaterThanOrEqual(0);
        expect([a, b]).toContainEqual(join(a, b));
      }),
      runs(500),
    );
  });
});

describe('text forms', () => {
  it('tell versions and positions apart', () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        const same = compareVersions(a, b) === 0;
        expect(formatVersion(a) === formatVersion(b)).toBe(same);
        expect(formatPosition(positionOf(a)) === formatPosition(positionOf(b))).toBe(same);
      }),
      runs(300),
    );
  });

  it('of generations are canonical: what is read is what is written, and nothing else is read', () => {
    const text = fc.oneof(
      version.map(formatVersion),
      fc.string(),
      fc.stringMatching(/^[0-9+-. e]{0,20}$/),
      fc.constantFrom('01.2', '1.02', '1.2 ', '1.2\n', '9007199254740992.1', '1.9007199254740992', '-0.1'),
    );
    fc.assert(
      fc.property(fc.oneof(text, fc.anything()), (each) => {
        const parsed = parseGeneration(each);
        expect(parsed === null || formatVersion(parsed) === each).toBe(true);
      }),
      runs(500),
    );
    fc.assert(
      fc.property(version, (each) => {
        expect(parseGeneration(formatVersion(each))).toEqual(each);
      }),
      runs(200),
    );
  });
});

it('what is no pair of whole numbers in range is no version and no position', () => {
  const hostile = fc.oneof(
    fc.anything(),
    fc.record({ era: fc.anything(), n: fc.anything(), xid: fc.anything() }),
    fc.record({ era: fc.double(), n: fc.double(), xid: fc.double() }),
  );
  fc.assert(
    fc.property(hostile, (value) => {
      const { era, n, xid } = (value ?? {}) as Record<string, unknown>;
      const whole = (each: unknown): boolean =>
        typeof each === 'number' && Number.isInteger(each) && each >= 0 && each < 2 ** 53;
      expect(isOrdinal(value)).toBe(whole(value));
      expect(isVersion(value)).toBe(whole(era) && whole(n));
      expect(isPosition(value)).toBe(whole(era) && whole(xid));
    }),
    runs(1_000),
  );
});
