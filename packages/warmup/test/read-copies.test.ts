import {
  fillOfCopy,
  partitionedStore,
  partitionOf,
  type Store,
  systemRuntime,
  watchAll,
} from '@tidemark/core';
import { memoryStore } from '@tidemark/memory';
import { beforeEach, expect, it } from 'vitest';
import { readCopies } from '../src/index.ts';

const VALUE = 'row:1';
/** Lies in the other partition. */
const MADE_FROM = Array.from({ length: 99 }, (_, i) => `tag:${i}`).find(
  (key) => partitionOf(key, 2) !== partitionOf(VALUE, 2),
)!;
const AS_OF = { era: 1, xid: 10 };
let store: Store;

beforeEach(async () => {
  const parts = [memoryStore({ runtime: systemRuntime }), memoryStore({ runtime: systemRuntime })];
  const far = parts[partitionOf(VALUE, 2)]!;
  const behind = parts[partitionOf(MADE_FROM, 2)]!;
  for (const part of parts) await part.initialise('life', AS_OF, undefined);
  store = partitionedStore(parts);
  const label = { key: MADE_FROM, version: { era: 1, n: 3 }, scope: 0 };
  const watched = await watchAll(store, [label], AS_OF, 60_000);
  const { meta } = await far.read([]);
  const value = {
    key: VALUE,
    version: { era: 1, n: 1 },
    scope: 0,
    schema: 1,
    freshMs: 60_000,
    staleMs: 0,
    data: new Uint8Array([7]),
    dependencies: [label],
  };
  if (typeof watched === 'string') throw new Error(watched);
  expect(await store.fill(fillOfCopy(value, AS_OF, meta!, watched))).toBe('admitted');
  for (const [part, xid] of [
    [far, 90],
    [behind, 50],
  ] as const) {
    const advance = { from: AS_OF, to: { era: 1, xid } };
    await part.apply({ invalidations: [], expect: null, mark: `to ${xid}`, advance });
  }
});

it('a value is right only as of the part that is furthest behind', async () => {
  const { blocks, without } = await readCopies(store, [VALUE]);
  expect(without).toEqual([]);
  expect(blocks).toMatchObject([{ asOf: { era: 1, xid: 50 }, values: [{ key: VALUE }] }]);
});

it('a value is not copied when something that it was made from rose', async () => {
  await store.raise([{ key: MADE_FROM, version: { era: 1, n: 4 } }]);
  expect(await readCopies(store, [VALUE])).toEqual({ blocks: [], without: [VALUE] });
});
