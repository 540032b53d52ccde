import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '@tidemark/conformance/property';
import { type EarlyRefresh, earlyRule } from './early-refresh.ts';

const betas = fc.double({ min: 0.01, max: 100, noNaN: true });
const loads = fc.double({ min: 0, max: 60_000, noNaN: true });
const chances = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('early refresh', () => {
  it('outside its window next to no chance is due: not asking there changes nothing', () => {
    fc.assert(
      fc.property(
        betas,
        loads,
        fc.double({ min: 0, max: 0.999_999, noNaN: true }),
        (beta, loadMs, chance) => {
          const rule = earlyRule('row', { beta });
          const leftMs = rule.windowMs(loadMs) + 1e-3;
          expect(rule.isDue(leftMs, loadMs, chance)).toBe(false);
        },
      ),
      runs(500),
    );
  });

  it('what is due stays due with less time left, a longer load or a larger beta', () => {
    fc.assert(
      fc.property(
        betas,
        loads,
        chances,
        fc.double({ min: 0, max: 1e6, noNaN: true }),
        (beta, loadMs, chance, leftMs) => {
          const rule = earlyRule('row', { beta });
          if (!rule.isDue(leftMs, loadMs, chance)) return;
          expect(rule.isDue(leftMs / 2, loadMs, chance)).toBe(true);
          expect(rule.isDue(leftMs, loadMs * 2, chance)).toBe(true);
          if (beta <= 50)
            expect(earlyRule('row', { beta: beta * 2 }).isDue(leftMs, loadMs, chance)).toBe(true);
        },
      ),
      runs(500),
    );
  });

  it('XFetch is due with the probability that its paper gives: exp(-left / (beta * load))', () => {
    const rule = earlyRule('row', { beta: 2 });
    const draws = Array.from({ length: 10_000 }, (_, i) => (i + 0.5) / 10_000);
    for (const leftMs of [10, 100, 300, 1_000]) {
      const share = draws.filter((chance) => rule.isDue(leftMs, 100, chance)).length / draws.length;
      expect(share).toBeCloseTo(Math.exp(-leftMs / 200), 3);
    }
  });

  it('the simple form is due with its probability, within its time only', () => {
    const rule = earlyRule('row', { within: '30s', probability: 0.1 });
    expect([0.05, 0.099, 0.1, 0.9].map((chance) => rule.isDue(29_000, 5, chance))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(rule.isDue(30_000, 5, 0)).toBe(false);
    expect(rule.windowMs(5)).toBe(30_000);
  });

  it('false never is', () => {
    expect(earlyRule('row', false).isDue(1, 1_000, 0.999)).toBe(false);
  });

  it.each<EarlyRefresh>([
    { beta: 0 },
    { beta: Number.NaN },
    { beta: 101 },
    { within: '30s', probability: 0 },
    { within: '30s', probability: 1.1 },
    { within: -1, probability: 0.5 },
  ])('rejects %o', (options) => {
    expect(() => earlyRule('row', options)).toThrow(expect.objectContaining({ code: 'E_CONFIGURATION' }));
  });
});
