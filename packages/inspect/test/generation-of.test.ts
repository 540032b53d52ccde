import { memberPrefix, pointerKey } from '@tidemark/core';
import { expect, it } from 'vitest';
import { generationOf } from '../src/generation-of.ts';

const said = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

it.each([
  ['a member, by its key', `${memberPrefix('prices', '1.7')}:12:eur`, said({ price: 3 }), '1.7'],
  ['a member that is absent', `${memberPrefix('prices', '1.7')}:12`, null, '1.7'],
  ['a pointer, by its value', pointerKey('prices'), said({ generation: '2.9' }), '2.9'],
  ['a pointer of a group that has none yet', pointerKey('prices'), null, null],
  ['what somebody else put in its place', pointerKey('prices'), said({ generation: 'newest' }), null],
  ['what is not even JSON', pointerKey('prices'), new Uint8Array([0xff, 0x7b]), null],
  ['a key of a keyspace', 'city:1.7:2', said({ generation: '1.7' }), null],
  ['a member of no generation', 'member:prices:01.7:12', null, null],
])('%s', (_, key, data, expected) => {
  expect(generationOf(key, data)).toBe(expected);
});
