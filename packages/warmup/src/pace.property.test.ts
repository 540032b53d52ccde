import { runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { learned, newPace, paced, type PaceRule } from './pace.ts';

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

  it('backs off while batches are slow or fail, and comes back', () => {
    let pace = newPace(RULE, 0);
    for (let i = 0; i < 10; i += 1) pace = learned(pace, RULE, 10);
    expect(pace.rate).toBe(500);
    for (let i = 0; i < 10; i += 1) pace = learned(pace, RULE, 100);
    expect(pace.rate).toBe(25);
    expect(pace.usualMs).toBeLessThan(15);
    for (let i = 0; i < 21; i += 1) pace = learned(pace, RULE, 10);
    expect(pace.rate).toBe(500);
    expect(learned(pace, RULE, null).rate).toBe(250);
  });
});
