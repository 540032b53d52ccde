import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { DelayLine } from './delay-line.ts';

const startMs = 1_000;
let out: [item: string, atMs: number][] = [];
let line: DelayLine<string>;

beforeEach(() => {
  vi.useFakeTimers({ now: startMs, toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const originMs = performance.now();
  out = [];
  line = new DelayLine((item) => out.push([item, performance.now() - originMs]));
});

afterEach(() => {
  vi.useRealTimers();
});

it('delivers at once without a delay', () => {
  line.push('a', 0);
  expect(out).toEqual([['a', 0]]);
});

it('delays every item by its own time: a stream is not slowed down', () => {
  line.push('a', 40);
  vi.advanceTimersByTime(10);
  line.push('b', 40);
  vi.advanceTimersByTime(100);
  expect(out).toEqual([
    ['a', 40],
    ['b', 50],
  ]);
});

it('never lets an item with a shorter delay overtake', () => {
  line.push('a', 100);
  vi.advanceTimersByTime(1);
  line.push('b', 10);
  line.push('c', 0);
  vi.advanceTimersByTime(98);
  expect(out).toEqual([]);
  vi.advanceTimersByTime(10);
  expect(out.map(([item]) => item)).toEqual(['a', 'b', 'c']);
});

it('forgets what is under way when cleared, and leaves no timer', () => {
  line.push('a', 40);
  line.clear();
  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(100);
  expect(out).toEqual([]);
  line.push('b', 5);
  vi.advanceTimersByTime(5);
  expect(out.map(([item]) => item)).toEqual(['b']);
});
