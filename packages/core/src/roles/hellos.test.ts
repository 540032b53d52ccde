import { expect, it } from 'vitest';
import { ECHOES_MAX, encodeMessage } from '../protocol/wire.ts';
import { HelloBook } from './hellos.ts';

const hello = (life: string, ping: number): string => encodeMessage({ kind: 'ping', life, ping });

it('keeps the newest ping of each node, and leaves aside what is none', () => {
  const book = new HelloBook();
  for (const data of [hello('a', 1), hello('b', 7), hello('a', 2), 'no message', '{}']) book.note(data);
  expect([...book.waiting()]).toEqual([
    ['a', 2],
    ['b', 7],
  ]);
});

it('lets a node wait on that pinged again while its ping was being answered', () => {
  const book = new HelloBook();
  book.note(hello('a', 1));
  book.note(hello('b', 1));
  const asked = book.waiting();
  book.note(hello('a', 2));
  book.answered(asked);
  expect([...book.waiting()]).toEqual([['a', 2]]);
});

it('keeps no more nodes than one proof can answer; who is in stays', () => {
  const book = new HelloBook();
  for (let i = 0; i <= ECHOES_MAX; i += 1) book.note(hello(`n${i}`, 1));
  book.note(hello('n0', 2));
  expect(book.waiting().size).toBe(ECHOES_MAX);
  expect(book.waiting().get('n0')).toBe(2);
  expect(book.waiting().has(`n${ECHOES_MAX}`)).toBe(false);
});
