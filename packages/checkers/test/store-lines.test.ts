import { describe, expect, it } from 'vitest';
import type { FaultLine, HistoryLine } from '../src/index.ts';
import { broken, judged, read, write } from './lines.ts';

describe('I9, leases', () => {
  const place = { region: 'eu', key: 'item:1' };
  const lease = (token: string, atMs: number, untilMs: number, more: object = {}): HistoryLine => ({
    type: 'lease',
    ...place,
    process: `eu-${token}#1`,
    token,
    atMs,
    untilMs,
    ...more,
  });
  const end = (token: string, atMs: number): HistoryLine => ({ type: 'lease-end', ...place, token, atMs });
  const load = (token: string | null, startMs: number, more: object = {}): HistoryLine => ({
    type: 'load',
    ...place,
    process: 'eu-1#1',
    startMs,
    endMs: startMs + 5,
    lease: token,
    ...more,
  });

  it('there are never two of one key at a time', () => {
    expect(broken(lease('a', 0, 10), lease('b', 9, 19))).toEqual(['I9']);
    expect(broken(lease('a', 0, 10), lease('b', 10, 20))).toEqual([]);
    expect(broken(lease('a', 0, 10), end('a', 5), lease('b', 5, 15))).toEqual([]);
    expect(broken(lease('a', 0, 10), end('a', 5), lease('b', 4, 14))).toEqual(['I9']);
  });

  it('other keys, other regions and the same token are no second one', () => {
    expect(broken(lease('a', 0, 10), lease('b', 5, 15, { key: 'item:2' }))).toEqual([]);
    expect(broken(lease('a', 0, 10), lease('b', 5, 15, { region: 'us' }))).toEqual([]);
    expect(broken(lease('a', 0, 10), lease('a', 5, 15))).toEqual([]);
    expect(broken(lease('a', 0, 10), lease('a', 5, 15), lease('b', 12, 22))).toEqual(['I9']);
  });

  it('an end of one does not end the other', () => {
    expect(broken(lease('a', 0, 10), end('b', 3), lease('b', 5, 15))).toEqual(['I9']);
    expect(broken(lease('a', 0, 10), end('a', 2), lease('a', 3, 10), lease('b', 5, 15))).toEqual(['I9']);
  });

  it('a store that lost everything lost its leases', () => {
    const lost = { type: 'fault', kind: 'x', target: 'eu', startMs: 4, endMs: 4 } as const;
    const leases = [lease('a', 0, 10), lease('b', 5, 15)];
    expect(broken(leases, { ...lost, emptied: 'eu' })).toEqual([]);
    expect(broken(leases, { ...lost, rolledBack: 'eu' })).toEqual([]);
    expect(broken(leases, { ...lost, emptied: 'us' })).toEqual(['I9']);
    expect(broken(leases, { ...lost, startMs: 6, endMs: 6, emptied: 'eu' })).toEqual(['I9']);
  });

  it('there is one load under each', () => {
    expect(broken(lease('a', 0, 10), load('a', 1))).toEqual([]);
    expect(broken(lease('a', 0, 10), load('a', 1), load('a', 7))).toEqual(['I9']);
    expect(broken(load(null, 1), load(null, 2))).toEqual([]);
    expect(broken(load('a', 1), load('a', 2, { key: 'item:2' }))).toEqual([]);
  });

  it('a replica may be asked before the primary', () => {
    expect(broken(load('a', 1, { replica: true }), load('a', 7))).toEqual([]);
  });
});

describe('I1 and I2, at the store', () => {
  const at = { region: 'eu', key: 'item:1', process: 'eu-1#1', store: 'eu/1' };
  const told = (version: string, atMs: number, more: object = {}): HistoryLine => ({
    type: 'told',
    ...at,
    version,
    atMs,
    ...more,
  });
  const served = (version: string, atMs: number, more: object = {}): HistoryLine => ({
    type: 'served',
    ...at,
    version,
    atMs,
    ...more,
  });

  it('what it was told of it never serves older', () => {
    expect(broken(told('1.5', 0), served('1.5', 1), served('1.7', 2))).toEqual([]);
    expect(broken(told('1.5', 0), served('1.4', 1))).toEqual(['I2']);
    expect(broken(told('1.9', 0), told('1.5', 1), served('1.10', 2))).toEqual([]);
    expect(broken(told('1.9', 0), told('1.5', 1), served('1.8', 2))).toEqual(['I2']);
  });

  it('eras come first', () => {
    expect(broken(told('1.500', 0), served('2.1', 1))).toEqual([]);
    expect(broken(told('2.1', 0), served('1.500', 1))).toEqual(['I2']);
  });

  it('what it hears later, or at the same instant, binds nothing', () => {
    expect(broken(served('1.4', 0), told('1.5', 1))).toEqual([]);
    expect(broken(served('1.4', 1), told('1.5', 1))).toEqual([]);
    expect(broken(told('1.5', 1), served('1.4', 1), served('1.3', 2))).toEqual(['I2']);
  });

  it('another key, region or life of the store was not told', () => {
    for (const other of [{ key: 'item:2' }, { region: 'us' }, { store: 'eu/2' }]) {
      expect(broken(told('1.5', 0, other), served('1.4', 1))).toEqual([]);
    }
  });

  it('names of any characters are kept apart', () => {
    const one = told('1.5', 0, { region: 'a', store: 'b c' });
    expect(broken(one, served('1.4', 1, { region: 'a b', store: 'c' }))).toEqual([]);
  });
});

describe('I3, levels', () => {
  const level = (value: string | number, atMs: number, more: object = {}): HistoryLine => ({
    type: 'level',
    region: 'eu',
    store: 'eu/1',
    what: 'horizon',
    value,
    atMs,
    ...more,
  });

  it('never go back', () => {
    expect(broken(level('1.5', 0), level('1.5', 1), level('1.10', 2), level('2.1', 3))).toEqual([]);
    expect(broken(level('1.10', 0), level('1.9', 1))).toEqual(['I3']);
    expect(broken(level('2.1', 0), level('1.9', 1))).toEqual(['I3']);
    expect(broken(level(7, 0), level(6, 1))).toEqual(['I3']);
  });

  it('are not compared with others, nor within one instant', () => {
    for (const other of [{ what: 'base' }, { region: 'us' }, { store: 'eu/2' }]) {
      expect(broken(level('1.10', 0, other), level('1.9', 1))).toEqual([]);
    }
    expect(broken(level('1.10', 1), level('1.9', 1))).toEqual([]);
  });

  it('say what went back', () => {
    expect(judged(level('1.10', 0), level('1.9', 1))[0]?.what).toBe(
      'horizon of eu/1 went back from 1.10 to 1.9',
    );
  });
});

it('I14: nothing holds more than its limit', () => {
  const size = {
    type: 'size',
    region: 'eu',
    process: 'eu-1#1',
    what: 'L1 entries',
    max: 100,
    atMs: 0,
  } as const;
  expect(broken({ ...size, count: 100 })).toEqual([]);
  expect(broken({ ...size, count: 101 })).toEqual(['I14']);
});

describe('a store that lost everything', () => {
  const emptied: FaultLine = { type: 'fault', kind: 'x', target: 'eu', startMs: 6, endMs: 7, emptied: 'eu' };
  const other = { process: 'eu-2#1' };
  const before = [...write(1, 0, 1, other), ...write(2, 2, 3, other)];

  it('starts over', () => {
    expect(broken(before, read(2, 4, 5), emptied, read(1, 8, 9))).toEqual([]);
    expect(broken(before, emptied, read(2, 8, 9), read(1, 10, 11))).toEqual(['I2']);
    expect(broken(before, { ...emptied, emptied: 'us' }, read(2, 4, 5), read(1, 8, 9))).toEqual(['I2']);
  });

  it('may do so again and again, also while it still does', () => {
    const again = [emptied, { ...emptied, startMs: 6.5, endMs: 20 }, { ...emptied, startMs: 21, endMs: 22 }];
    expect(broken(before, again, read(2, 8, 9), read(1, 10, 11))).toEqual([]);
    expect(broken(before, again, read(2, 23, 24), read(1, 25, 26))).toEqual(['I2']);
  });
});

describe('sessions', () => {
  const session = { level: 'session', session: 's', tier: 'l1', region: 'us', process: 'us-1#1' };
  const writes = [...write(1, 0, 1), ...write(2, 2, 3)];

  it('what overlaps binds nothing', () => {
    expect(broken(writes, read(2, 4, 8, session), read(1, 5, 9, session))).toEqual([]);
  });

  it('at one instant, the order of the lines counts', () => {
    expect(broken(writes, read(1, 4, 4, session), read(2, 4, 4, session))).toEqual([]);
    expect(broken(writes, read(2, 4, 4, session), read(1, 4, 4, session))).toEqual(['I7']);
  });
});

describe('absence', () => {
  const gone = { absent: true };
  const other = { process: 'eu-2#1' };

  it('may be that of before the first commit, and then binds nothing', () => {
    const lines = [
      ...write(1, 10, 11, other),
      ...write(2, 20, 21, { ...other, ...gone }),
      ...write(3, 30, 31, other),
    ];
    expect(broken(lines, read(null, 0, 1), read(1, 12, 13))).toEqual([]);
  });

  it('of a key that was there before the run is a later one', () => {
    const setUp: HistoryLine[] = write(1, 0, 0, other).filter(({ type }) => type === 'commit');
    const lines = [...setUp, ...write(2, 20, 21, { ...other, ...gone })];
    expect(broken(lines, read(null, 22, 23), read(1, 24, 25))).toEqual(['I2']);
  });
});
