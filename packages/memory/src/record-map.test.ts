import type { StoredRecord } from '@tidemark/core';
import { describe, expect, it } from 'vitest';
import { RecordMap } from './record-map.ts';

const TOMBSTONE: StoredRecord = { tidemark: { era: 1, n: 1 }, value: null };

describe('RecordMap', () => {
  it('forgets what expired while other records change', () => {
    const map = new RecordMap(1_000);
    for (let n = 0; n < 1_000; n += 1) map.put(`old:${n}`, TOMBSTONE, 10, 0);
    for (let n = 0; n < 1_000; n += 1) map.put(`new:${n}`, TOMBSTONE, 1_000, 20);
    const left = Array.from({ length: 1_000 }, (_, n) => map.untilMs(`old:${n}`)).filter((ms) => ms > 0);
    expect(left).toEqual([]);
  });

  it('finds the one expired record that makes room, wherever it is', () => {
    for (let at = 0; at < 8; at += 1) {
      const map = new RecordMap(2);
      for (let n = 0; n < 8; n += 1)
        expect(map.put(`k:${n}`, TOMBSTONE, n === at ? 10 : 1_000, 0)).toBe(true);
      expect(map.put('k:more', TOMBSTONE, 1_000, 5)).toBe(false);
      expect(map.get(`k:${at}`, 5)).toEqual(TOMBSTONE);
      expect(map.put('k:more', TOMBSTONE, 1_000, 20)).toBe(true);
      expect(map.keys(20)).toHaveLength(8);
    }
  });
});
