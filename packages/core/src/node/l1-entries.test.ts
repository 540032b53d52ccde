import { describe, expect, it } from 'vitest';
import { keyspace } from '../keyspace/keyspace.ts';
import { L1Entries, type L1Value } from './l1-entries.ts';
import { LoadTimes } from './load-times.ts';

const rows = keyspace({
  name: 'row',
  params: { id: 'int' },
  staleWhileRevalidate: 50,
  earlyRefresh: false,
  load: async () => null,
});
const PLAIN: L1Value = {
  value: 'v',
  version: { era: 1, n: 7 },
  scope: 2,
  nowMs: 20.9,
  freshUntilMs: 1_000.7,
  staleMs: 300.2,
  loadedAtMs: 10.9,
  dependencies: [],
};

describe('L1 entries', () => {
  it('say what they were made from, in whole ms that are never later', () => {
    const dependencies = [{ key: 'tag:a', version: { era: 1, n: 3 }, scope: 0 }];
    const entry = new L1Entries(new LoadTimes()).make(rows, { ...PLAIN, dependencies });
    const { version, scope, freshUntilMs, refreshFromMs, staleUntilMs, endsAtMs, loadedAtMs } = entry;
    expect({ version, scope, freshUntilMs, refreshFromMs, staleUntilMs, endsAtMs, loadedAtMs }).toEqual({
      version: { era: 1, n: 7 },
      scope: 2,
      freshUntilMs: 1_000,
      refreshFromMs: 1_000,
      staleUntilMs: 1_050,
      endsAtMs: 1_300,
      loadedAtMs: 10,
    });
    expect(entry.dependencies).toBe(dependencies);
  });

  it('keep apart what differs in any of their common terms, however many there are', () => {
    const entries = new L1Entries(new LoadTimes());
    const made = Array.from({ length: 100 }, (_, i) => {
      const loadedAtMs = i % 2 === 0 ? 10 : Number.NEGATIVE_INFINITY;
      const from = {
        ...PLAIN,
        version: { era: i % 7, n: i },
        scope: i % 5,
        staleMs: 100 + (i % 3),
        loadedAtMs,
      };
      return { from, entry: entries.make(rows, from) };
    });
    for (const { from, entry } of made) {
      expect(entry).toMatchObject({
        version: from.version,
        scope: from.scope,
        endsAtMs: 1_000 + from.staleMs,
        loadedAtMs: from.loadedAtMs === 10 ? 10 : null,
      });
      expect(entry.dependencies).toEqual([]);
    }
  });

  it.each<[string, Partial<L1Value>]>([
    ['era', { version: { era: 2, n: 7 } }],
    ['scope', { scope: 3 }],
    ['stale window', { staleMs: 400 }],
    ['proof', { loadedAtMs: Number.NEGATIVE_INFINITY }],
  ])('keep apart what differs in its %s alone', (_, changes) => {
    const entries = new L1Entries(new LoadTimes());
    const shown = (from: L1Value) => {
      const { version, scope, endsAtMs, loadedAtMs } = entries.make(rows, from);
      return { version, scope, endsAtMs, loadedAtMs };
    };
    const plain = shown(PLAIN);
    expect(shown({ ...PLAIN, ...changes })).not.toEqual(plain);
    expect(shown(PLAIN)).toEqual(plain);
  });

  it('have no version where the source gives none, and are never kept against a raise then', () => {
    const entries = new L1Entries(new LoadTimes());
    const bare = entries.make(rows, { ...PLAIN, version: null, loadedAtMs: Number.NEGATIVE_INFINITY });
    expect(bare).toMatchObject({ version: null, loadedAtMs: null, sinceMs: 20 });
    expect(bare.mayBeBelow({ era: 0, n: 0 })).toBe(true);
    expect(bare.isBelow(entries.make(rows, PLAIN))).toBe(false);
  });

  it('give all readers one promise, and let go of it and of their value when they are retired', async () => {
    const entry = new L1Entries(new LoadTimes()).make(rows, PLAIN);
    expect(entry.promised()).toBe(entry.promised());
    await expect(entry.promised()).resolves.toBe('v');
    entry.retire();
    expect(entry.value).toBeUndefined();
    await expect(entry.promised()).resolves.toBeUndefined();
  });
});
