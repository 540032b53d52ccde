import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '@tidemark/conformance/property';
import { CircuitBreaker, breakerRule } from './circuit-breaker.ts';

const RULE = { failures: 3, resetAfterMs: 100 };

function opened(): CircuitBreaker {
  const breaker = new CircuitBreaker(RULE);
  expect([0, 1, 2].map((ms) => breaker.failed(ms))).toEqual([false, false, true]);
  return breaker;
}

describe('a circuit breaker', () => {
  it('opens after failures in a row, and lets one probe through after a while', () => {
    const breaker = opened();
    expect(breaker.allows(101)).toBe(false);
    expect([breaker.allows(102), breaker.allows(102)]).toEqual([true, false]);
    breaker.succeeded();
    expect(breaker.isClosed).toBe(true);
    expect([breaker.allows(103), breaker.allows(103)]).toEqual([true, true]);
  });

  it('counts only failures in a row', () => {
    const breaker = new CircuitBreaker(RULE);
    breaker.failed(0);
    breaker.failed(1);
    breaker.succeeded();
    expect([breaker.failed(2), breaker.failed(3), breaker.failed(4)]).toEqual([false, false, true]);
  });

  it('stays open for twice as long after each probe that fails, up to a limit', () => {
    const breaker = opened();
    let atMs = 2;
    const waits: number[] = [];
    for (let probe = 0; probe < 8; probe += 1) {
      const since = atMs;
      while (!breaker.allows(atMs)) atMs += 1;
      waits.push(atMs - since);
      breaker.failed(atMs);
    }
    expect(waits).toEqual([100, 200, 400, 800, 1_600, 3_000, 3_000, 3_000]);
  });

  it('hears nothing new in failures of calls from before it opened', () => {
    const breaker = opened();
    for (let i = 0; i < 50; i += 1) expect(breaker.failed(50)).toBe(false);
    expect(breaker.allows(102)).toBe(true);
  });

  it('gives up a probe that never reports', () => {
    const breaker = opened();
    expect(breaker.allows(102)).toBe(true);
    expect(breaker.allows(201)).toBe(false);
    expect(breaker.allows(202)).toBe(true);
  });

  it('is never open for longer than thirty times the first time, whatever happens', () => {
    const step = fc.record({
      ms: fc.integer({ min: 0, max: 400 }),
      what: fc.constantFrom('ok', 'failed', 'silent'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const breaker = new CircuitBreaker(RULE);
        let nowMs = 0;
        let refusedSince: number | null = null;
        for (const { ms, what } of steps) {
          nowMs += ms;
          if (breaker.allows(nowMs)) {
            refusedSince = null;
            if (what === 'ok') breaker.succeeded();
            if (what === 'failed') breaker.failed(nowMs);
          } else {
            refusedSince ??= nowMs;
            expect(nowMs - refusedSince).toBeLessThanOrEqual(3_000);
          }
        }
      }),
      runs(300),
    );
  });

  it('without a rule never opens', () => {
    const breaker = new CircuitBreaker(breakerRule(false, 'storeBreaker', RULE));
    for (let i = 0; i < 100; i += 1) breaker.failed(i);
    expect(breaker.allows(100)).toBe(true);
  });

  it.each([
    { failures: 0, resetAfter: 100 },
    { failures: 1.5, resetAfter: 100 },
    { failures: 1, resetAfter: 0 },
  ])('rejects %o', (options) => {
    expect(() => breakerRule(options, 'storeBreaker', RULE)).toThrow(
      expect.objectContaining({ code: 'E_CONFIGURATION' }),
    );
  });
});
