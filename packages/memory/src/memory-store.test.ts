import { storeSuite } from '@tidemark/conformance';
import { ConfigurationError, systemRuntime } from '@tidemark/core';
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
    dependencies: [],
    replaces: 'any' as const,
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

  it('one tidemark too many counts as an emptied store, which keeps what comes next', async () => {
    const store = memoryStore({ runtime: systemRuntime, entriesMax: 2 });
    await store.initialise('life', horizon);
    for (let n = 1; n <= 8; n += 1) await store.raise([{ key: `k:${n}`, version: { era: 1, n } }]);
    expect((await store.read([])).meta).not.toBeNull();
    const batch = { invalidations: [{ key: 'k:9', version: { era: 1, n: 9 } }], expect: null, mark: 'm' };
    expect(await store.apply(batch)).toEqual({ outcome: 'uninitialised', meta: null });
    expect(await store.fill(fill('k:1', 1))).toBe('uninitialised');
    await store.initialise('next', horizon);
    expect(await store.fill(fill('k:1', 1))).toBe('incarnation');
    expect(await store.fill({ ...fill('k:9', 8), incarnation: 'next' })).toBe('below-tidemark');
    expect(await store.fill({ ...fill('k:9', 9), incarnation: 'next' })).toBe('admitted');
  });

  it('expired records make room, also behind one that lives long', async () => {
    let nowMs = 0;
    const runtime = { ...systemRuntime, monoMs: () => nowMs };
    const store = memoryStore({ runtime, entriesMax: 2, tombstoneTtlMs: 10 });
    await store.initialise('life', horizon);
    await store.fill({ ...fill('k:long', 1), freshMs: 1_000_000 });
    for (let n = 1; n <= 1_000; n += 1) {
      nowMs += 5;
      await store.raise([{ key: `k:${n}`, version: { era: 1, n } }]);
    }
    const { meta, records } = await store.read(['k:long', 'k:1', 'k:1000']);
    expect(meta).not.toBeNull();
    expect(records.map((record) => record !== null)).toEqual([true, false, true]);
  });

  it('old leases give way', async () => {
    const store = memoryStore({ runtime: systemRuntime, entriesMax: 2 });
    for (const key of ['k:1', 'k:2', 'k:3']) await store.lease(key, 'a', 60_000);
    expect(await store.lease('k:3', 'b', 60_000)).toEqual({ granted: false });
    expect(await store.lease('k:1', 'b', 60_000)).toEqual({ granted: true });
  });

  it.each([{ entriesMax: 0 }, { entriesMax: 1.5 }, { tombstoneTtlMs: -1 }])('%o is refused', (options) => {
    expect(() => memoryStore({ runtime: systemRuntime, ...options })).toThrow(ConfigurationError);
  });
});
