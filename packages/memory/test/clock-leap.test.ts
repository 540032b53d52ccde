import { type Fill, type Position, systemRuntime } from '@tidemark/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { type MemoryStore, memoryStore } from '../src/index.ts';

const TTL_MS = 600_000;

let nowMs: number;
let store: MemoryStore;
let late: Fill;

const at = (xid: number): Position => ({ era: 1, xid });

function barrier(from: number, to: number): ReturnType<MemoryStore['apply']> {
  return store.apply({ invalidations: [], expect: null, mark: 'm', advance: { from: at(from), to: at(to) } });
}

beforeEach(async () => {
  nowMs = 1_000_000;
  store = memoryStore({ runtime: { ...systemRuntime, monoMs: () => nowMs }, tombstoneTtlMs: TTL_MS });
  const { incarnation, epoch, revision, horizon } = await store.initialise('life', at(100));
  // A load begins, then its key is written at 102, and a barrier speaks of that.
  late = {
    ...{ key: 'k:1', version: { era: 1, n: 1 }, scope: 0, asOf: horizon },
    ...{ incarnation, epoch, revision, schema: 1, freshMs: 60_000, staleMs: 0 },
    ...{ data: null, dependencies: [], replaces: 'any', lease: null },
  };
  nowMs += 1_000; // Less than what the history of horizons can tell apart.
  await store.raise([{ key: 'k:1', version: { era: 1, n: 2 } }]);
  await barrier(100, 103);
});

it('a store that no barrier reaches takes nothing once its tombstones may have expired, and then again', async () => {
  for (let half = 0; half < 3; half += 1) nowMs += TTL_MS / 2;
  expect((await store.read(['k:1'])).records).toEqual([null]);
  expect(await store.fill(late)).toBe('base');
  await barrier(103, 104);
  expect(await store.fill(late)).toBe('base');
  expect(await store.fill({ ...late, asOf: at(104), version: { era: 1, n: 2 } })).toBe('admitted');
});

describe("a leap of the store's clock", () => {
  it('of less than half of what a tombstone lives for lets nothing through', async () => {
    nowMs += TTL_MS / 2 - 1_000;
    expect(await store.fill(late)).toBe('below-tidemark');
    await barrier(103, 104);
    nowMs += TTL_MS / 2 + 1_001;
    expect((await store.read(['k:1'])).records).toEqual([null]);
    expect(await store.fill(late)).toBe('base');
  });

  it.each([TTL_MS, 50 * TTL_MS])(
    'of %d ms lets nothing through, before the next barrier and after it',
    async (ms) => {
      nowMs += ms;
      expect((await store.read(['k:1'])).records).toEqual([null]);
      expect(await store.fill(late)).toBe('base');
      expect(await store.fill({ ...late, asOf: at(104) })).toBe('base');
      await barrier(103, 105);
      expect(await store.fill(late)).toBe('base');
      // Applied before the leap by a writer's bump, above the horizon of then.
      expect(await store.fill({ ...late, asOf: at(104) })).toBe('base');
      expect(await store.fill({ ...late, asOf: at(105), version: { era: 1, n: 2 } })).toBe('admitted');
    },
  );
});
