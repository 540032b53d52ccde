import { describe, expect, it } from 'vitest';
import { ANSWER_MOMENTS_MAX } from '../protocol/question.ts';
import { KeyTrace } from './key-trace.ts';

const version = { era: 1, n: 7 };

function traced(): { readonly trace: KeyTrace; wait(ms: number): void; seen(key: string): string[] } {
  let nowMs = 1_000;
  const trace = new KeyTrace(() => nowMs);
  return {
    trace,
    wait: (ms) => void (nowMs += ms),
    seen: (key) => trace.of(new Set([key])).map(({ type }) => type),
  };
}

describe('consistency tracing', () => {
  it('notes what happens to a key after its invalidation, with its age', () => {
    const { trace, wait } = traced();
    trace.invalidated('city:1', version);
    wait(5);
    trace.note('city:1', 'filled', version, 'admitted');
    wait(10);
    expect(trace.of(new Set(['city:1']))).toEqual([
      { key: 'city:1', type: 'invalidated', version, ageMs: 15 },
      { key: 'city:1', type: 'filled', version, outcome: 'admitted', ageMs: 10 },
    ]);
  });

  it('notes nothing of keys that nobody invalidated, nor after the window', () => {
    const { trace, wait, seen } = traced();
    trace.note('city:1', 'cached', version);
    expect(seen('city:1')).toEqual([]);
    trace.invalidated('city:1', version);
    wait(60_000);
    trace.note('city:1', 'cached', version);
    wait(1);
    trace.note('city:1', 'dropped', null);
    expect(seen('city:1')).toEqual(['invalidated', 'cached']);
    trace.invalidated('city:1', version);
    trace.note('city:1', 'dropped', null);
    expect(seen('city:1')).toEqual(['invalidated', 'cached', 'invalidated', 'dropped']);
  });

  it('is bounded: keys that are watched, moments that are kept, moments of an answer', () => {
    const { trace, seen } = traced();
    trace.invalidated('city:0', version);
    for (let i = 1; i <= 2_000; i += 1) trace.invalidated(`city:${i}`, version);
    trace.note('city:0', 'cached', version);
    trace.note('city:1', 'cached', version);
    expect(seen('city:0')).toEqual(['invalidated']);
    expect(seen('city:1')).toEqual(['invalidated', 'cached']);
    for (let i = 0; i < 20_000; i += 1) trace.note('city:2', 'load-began', null);
    expect(seen('city:1')).toEqual([]);
    expect(seen('city:2')).toHaveLength(ANSWER_MOMENTS_MAX);
  });
});
