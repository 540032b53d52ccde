import { storeSuite } from '@tidemark/conformance';
import { systemRuntime } from '@tidemark/core';
import { describe, expect, it } from 'vitest';
import { memoryStore } from './memory-store.ts';

storeSuite('memory', async (options) => {
  const store = memoryStore({ runtime: systemRuntime, ...options });
  const naive = new Map<string, string>();
  return {
    store,
    naive: {
      get: async (key) => naive.get(key) ?? null,
      set: async (key, value) => void naive.set(key, value),
      del: async (key) => void naive.delete(key),
    },
    clear: async () => store.clear(),
    close: () => store.close(),
  };
});

describe('bounds', () => {
  const horizon = { era: 1, xid: 1 };
  const fill = (key: string, n: number, epoch = 0) => ({
    key,
    version: { era: 1, n },
    scope: 0,
    asOf: horizon,
    incarnation: 'life',
    epoch,
    revision: 0,
    schema: 1,
    freshMs: 1_000,
    staleMs: 0,
    data: new Uint8Array(1),
    lease: null,
  });

  it('an evicted value leaves its tidemark behind', async () => {
    const store = memoryStore({ runtime: systemRuntime, entriesMax: 2 });
    await store.initialise('life', horizon);
    for (let n = 1; n <= 3; n += 1) await store.fill(fill(`k:${n}`, n));
    const { records } = await store.read(['k:1', 'k:3']);
    expect(records[0]).toEqual({ tidemark: { era: 1, n: 1 }, value: null });
    expect(records[1]?.value).not.toBeNull();
    expect(await store.fill(fill('k:1', 0))).toBe('below-tidemark');
  });

  it('too many tidemarks are forgotten together, and fills under way are refused', async () => {
    const store = memoryStore({ runtime: systemRuntime, entriesMax: 2 });
    await store.initialise('life', horizon);
    for (let n = 1; n <= 9; n += 1) await store.raise([{ key: `k:${n}`, version: { era: 1, n } }]);
    expect(await store.fill(fill('k:9', 1))).toBe('epoch');
    expect(await store.fill(fill('k:9', 9, 1))).toBe('admitted');
  });
});
