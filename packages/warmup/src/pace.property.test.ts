import { runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { learned, newPace, type Pace, paced, type PaceRule, ROUND } from './pace.ts';

const RULE: PaceRule = { rateMax: 500, slowdownMax: 2 };

describe('pace', () => {
  it('never lets more through than the budget, whatever comes when', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            waitMs: fc.integer({ min: 0, max: 5_000 }),
            count: fc.integer({ min: 1, max: 100 }),
            ms: fc.option(fc.double({ min: 0.1, max: 1_000, noNaN: true })),
          }),
          { minLength: 1, maxLength: 60 },
        ),
        (steps) => {
          let nowMs = 0;
          let pace = newPace(RULE, nowMs);
          let keys = 0;
          for (const { waitMs, count, ms } of steps) {
            nowMs += waitMs;
            const turn = paced(pace, count, nowMs);
            expect(turn.atMs).toBeGreaterThanOrEqual(nowMs);
            // Before this batch began, no more than the budget and one burst had begun.
            expect(keys).toBeLessThanOrEqual((turn.atMs / 1_000) * RULE.rateMax + RULE.rateMax * 0.1 + 1e-6);
            nowMs = turn.atMs;
            keys += count;
            pace = learned(turn.pace, RULE, ms);
            expect(pace.rate).toBeGreaterThan(0);
            expect(pace.rate).toBeLessThanOrEqual(RULE.rateMax);
          }
        },
      ),
      runs(300),
    );
  });

  const after = (pace: Pace, rounds: number, ms: number): Pace => {
    for (let i = 0; i < rounds * ROUND; i += 1) pace = learned(pace, RULE, ms);
    return pace;
  };

  it('backs off while batches are slow or fail, and comes back', () => {
    const well = after(newPace(RULE, 0), 2, 10);
    expect(well.rate).toBe(500);
    // The limit is 25 ms: so much too slow, so much less.
    expect(after(well, 1, 50).rate).toBe(250);
    const slow = after(well, 5, 100);
    expect(slow.rate).toBe(25);
    expect(slow.usualMs).toBeLessThan(15);
    expect(after(slow, 4, 10).rate).toBe(500);
    expect(learned(well, RULE, null).rate).toBe(250);
  });

  it('goes at full speed where most batches are quick, however slow the others are', () => {
    let pace = newPace(RULE, 0);
    for (const ms of [4, 9, 70, 6, 30, 5, 8, 12, 60, 7, 90, 6, 5, 44, 8]) {
      pace = learned(pace, RULE, ms);
      expect(pace.rate).toBe(500);
    }
    expect(pace.usualMs).toBeLessThan(10);
  });
});
