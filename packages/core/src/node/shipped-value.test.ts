import { expect, it } from 'vitest';
import { jsonCodec } from '../keyspace/codec.ts';
import { keyspace } from '../keyspace/keyspace.ts';
import type { Loaded } from './loader.ts';
import { SHIPPED_BYTES_MAX, shippedValue } from './shipped-value.ts';

const rows = keyspace({ name: 'row', params: { id: 'int' }, load: async () => null });
const label = { key: 'row:1', version: { era: 1, n: 1 }, scope: 0 };
const loaded: Loaded = {
  value: { n: 2 },
  label: { ...label, asOf: { era: 1, xid: 1 } },
  dependencies: [],
  startedAtMs: 0,
  origin: 'primary',
  exact: false,
  moved: null,
};
const ship = (changes: Partial<Loaded>) => shippedValue(rows, 'row:1', { ...loaded, ...changes }, jsonCodec);

it('ships a value and its label, and absence', () => {
  expect(ship({})).toMatchObject({ ...label, data: btoa('{"n":2}') });
  expect(ship({ value: null })).toMatchObject({ data: null });
});

it.each([
  ['a value that may be newer than its label', { moved: { own: label, dependencies: [] } }],
  ['a value that was made from other keys', { dependencies: [label] }],
  ['a value without a version', { label: null }],
  ['a value that is too big', { value: 'x'.repeat(SHIPPED_BYTES_MAX) }],
])('does not ship %s', (_, changes) => {
  expect(ship(changes)).toBeNull();
});
