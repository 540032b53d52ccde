import { describe, expect, it } from 'vitest';
import { L1Cache, type L1Entry } from './l1-cache.ts';

const entry = (n: number): L1Entry => ({
  value: n,
  version: { era: 1, n },
  scope: 0,
  freshUntilMs: 1_000,
  staleUntilMs: 1_000,
  loadedAtMs: 0,
  dependencies: [],
});

describe('L1', () => {
  it('takes nothing from a read that began before it was reset: what the reset answered for never comes again', () => {
    const l1 = new L1Cache(10, true);
    const before = l1.ticket();
    l1.reset(true);
    expect(l1.put('k', entry(1), before)).toBe(false);
    expect(l1.get('k')).toBeUndefined();
    expect(l1.put('k', entry(1), l1.ticket())).toBe(true);
  });

  it('takes nothing while its node has no place in the feed', () => {
    const l1 = new L1Cache(10, false);
    expect(l1.ticket()).toBeNull();
    expect(l1.put('k', entry(1), l1.ticket())).toBe(false);
    l1.reset(true);
    const joined = l1.ticket();
    l1.reset(false);
    expect(l1.put('k', entry(1), joined)).toBe(false);
  });

  it('never puts an older version over a newer one', () => {
    const l1 = new L1Cache(10, true);
    l1.put('k', entry(2), l1.ticket());
    expect(l1.put('k', entry(1), l1.ticket())).toBe(false);
    expect(l1.get('k')?.value).toBe(2);
  });
});
