import { runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ninesOf, type Outcome, Tally } from './tally.ts';

const OUTCOMES: readonly Outcome[] = ['consistent', 'inconsistent', 'notAsked', 'late'];
const check = fc.record({
  region: fc.constantFrom('us', 'eu'),
  tier: fc.constantFrom('l1' as const, 'l2' as const),
  ageMs: fc.constantFrom(1_000, 10_000),
  outcome: fc.constantFrom(...OUTCOMES),
  times: fc.integer({ min: 0, max: 5 }),
});

describe('the tally', () => {
  it('counts each check once under its outcome; a restart changes nothing', () => {
    fc.assert(
      fc.property(fc.array(check, { maxLength: 60 }), fc.nat(60), (checks, at) => {
        let tally = new Tally();
        checks.forEach(({ outcome, times, ...where }, i) => {
          if (i === at) {
            const next = new Tally();
            next.restore(JSON.parse(JSON.stringify(tally.cells)) as typeof tally.cells);
            tally = next;
          }
          tally.add(where, outcome, times);
        });
        const sum = (outcomes: readonly Outcome[], ageMs: number): number =>
          checks
            .filter((each) => each.ageMs === ageMs && outcomes.includes(each.outcome))
            .reduce((total, { times }) => total + times, 0);
        for (const age of tally.ages()) {
          expect(age).toMatchObject({
            checked: sum(['consistent', 'inconsistent'], age.ageMs),
            inconsistent: sum(['inconsistent'], age.ageMs),
            notAsked: sum(['notAsked'], age.ageMs),
            late: sum(['late'], age.ageMs),
          });
          expect(age.nines).toBe(ninesOf(age));
        }
      }),
      runs(100),
    );
  });
});

describe('nines', () => {
  it.each([
    [1_000, 1, 3],
    [1_000, 10, 2],
    [100_000, 0, 5],
    [1, 1, 0],
    [1, 0, 0],
    [0, 0, null],
  ])('of %d checks with %d inconsistent are %s', (checked, inconsistent, nines) => {
    expect(ninesOf({ checked, inconsistent })).toBe(nines);
  });

  it('never say more than the number of checks can show, and fall with each inconsistency', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), fc.nat(1_000), (checked, wrong) => {
        const inconsistent = Math.min(checked, wrong);
        const nines = ninesOf({ checked, inconsistent })!;
        expect(nines).toBeLessThanOrEqual(Math.log10(checked));
        if (inconsistent > 0) expect(10 ** -nines).toBeCloseTo(inconsistent / checked, 9);
        if (inconsistent > 1)
          expect(nines).toBeLessThan(ninesOf({ checked, inconsistent: inconsistent - 1 })!);
      }),
      runs(200),
    );
  });
});
