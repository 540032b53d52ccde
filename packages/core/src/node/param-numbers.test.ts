import { expect, it } from 'vitest';
import { paramNumbers } from './param-numbers.ts';

it('a text keeps its number while it is asked for, and no number ever stands for two texts', () => {
  const numbers = paramNumbers('string');
  const given = new Map<number, string>();
  const wrong: string[] = [];
  for (let i = 0; i < 40_000; i += 1) {
    const text = `text ${i}`;
    const number = numbers.give(text);
    if (given.has(number) || numbers.of(text) !== number || numbers.of('text 0') !== 1) wrong.push(text);
    given.set(number, text);
  }
  expect(wrong).toEqual([]);
  expect(numbers.of('text 1')).toBeNaN();
  const anew = numbers.give('text 1');
  expect(given.has(anew)).toBe(false);
});

it('what is no value of a parameter has no number', () => {
  for (const [type, values] of [
    ['int', ['1', null, undefined, true, {}]],
    ['boolean', [1, 0, 'true', null, undefined]],
    ['string', [1, null, undefined, {}]],
    ['digest', [1, null, undefined, {}]],
  ] as const) {
    for (const value of values) expect(paramNumbers(type).of(value)).toBeNaN();
  }
  expect(paramNumbers('string').give('x'.repeat(129))).toBeNaN();
});
