import { describe, expect, it } from 'vitest';
import { keyspace } from '../keyspace/keyspace.ts';
import { L1Cache } from './l1-cache.ts';
import { L1Entries } from './l1-entries.ts';
import type { L1Entry } from './l1-entry.ts';
import { LoadTimes } from './load-times.ts';

const rows = keyspace({ name: 'row', params: { id: 'int' }, load: async () => null });
const entries = new L1Entries(new LoadTimes());
const entry = (n: number, value: unknown = n, era = 1): L1Entry =>
  entries.make(rows, {
    value,
    version: { era, n },
    scope: 0,
    nowMs: 0,
    freshUntilMs: 1_000,
    staleMs: 0,
    loadedAtMs: 0,
    dependencies: [],
  });

const ignoreHits = (): void => {};
const LIMITS = { entriesMax: 10, bytesMax: 100_000 };

describe('L1', () => {
  it('takes nothing from a read that began before it was reset: what the reset answered for never comes again', () => {
    const l1 = new L1Cache({ ...LIMITS, open: true, onHits: ignoreHits });
    const before = l1.ticket();
    l1.reset(true);
    expect(l1.put('k', entry(1), before)).toBe(false);
    expect(l1.get('k')).toBeUndefined();
    expect(l1.put('k', entry(1), l1.ticket())).toBe(true);
  });

  it('takes nothing while its node has no place in the feed', () => {
    const l1 = new L1Cache({ ...LIMITS, open: false, onHits: ignoreHits });
    expect(l1.ticket()).toBeNull();
    expect(l1.put('k', entry(1), l1.ticket())).toBe(false);
    l1.reset(true);
    const joined = l1.ticket();
    l1.reset(false);
    expect(l1.put('k', entry(1), joined)).toBe(false);
  });

  it('never puts an older version over a newer one', () => {
    const l1 = new L1Cache({ ...LIMITS, open: true, onHits: ignoreHits });
    l1.put('k', entry(2), l1.ticket());
    expect(l1.put('k', entry(1), l1.ticket())).toBe(false);
    expect(l1.get('k')?.value).toBe(2);
    expect(l1.put('k', entry(1, 'of a new era', 2), l1.ticket())).toBe(true);
    expect(l1.put('k', entry(9), l1.ticket())).toBe(false);
    expect(l1.get('k')?.value).toBe('of a new era');
  });

  it('hears of more hits at once while it has room: nothing is given up then', () => {
    const l1 = new L1Cache({ ...LIMITS, open: true, onHits: ignoreHits });
    const untold = Array.from({ length: 10 }, (_, i) => {
      l1.put(`k${i}`, entry(i), l1.ticket());
      return l1.untoldMax;
    });
    expect(untold).toEqual([64, 64, 64, 64, 64, 64, 64, 8, 8, 8]);
  });

  it('is bounded by bytes as well: the least recently read goes first', () => {
    const l1 = new L1Cache({ entriesMax: 1_000, bytesMax: 10_000, open: true, onHits: ignoreHits });
    const big = (n: number): L1Entry => entry(n, 'x'.repeat(4_000));
    for (const n of [1, 2, 3, 4]) {
      l1.put(`k${n}`, big(n), l1.ticket());
      l1.get('k1');
    }
    // Two of these fit; 1 was read after each put, so 2 goes, then 3.
    expect([1, 2, 3, 4].filter((n) => l1.get(`k${n}`) !== undefined)).toEqual([1, 4]);
    expect(l1.bytes).toBeLessThanOrEqual(10_000);
    expect(l1.size).toBeLessThan(4);
  });

  it('takes no value that is bigger than all of it', () => {
    const l1 = new L1Cache({ entriesMax: 10, bytesMax: 1_000, open: true, onHits: ignoreHits });
    l1.put('small', entry(1), l1.ticket());
    l1.put('big', entry(1, ['x'.repeat(2_000)]), l1.ticket());
    expect(l1.get('big')).toBeUndefined();
    expect(l1.get('small')?.value).toBe(1);
  });
});
