import { describe, expect, it } from 'vitest';
import type { HistoryLine } from '../src/index.ts';
import { broken, judged, read, write } from './lines.ts';

/*
 * item:1 has counters 1, 2 and 3; at 100 ms the source goes back to 1, and a new 2 is written, `n2`. So `w2` and
 * `w3` never happened, and `w1` is part of both eras.
 */
const ERA_1 = [...write(1, 0, 10), ...write(2, 20, 30), ...write(3, 40, 50)];
const RESTORE: HistoryLine = { type: 'restore', atMs: 100, era: 2, kept: { 'item:1': 1 } };
const AGAIN = reborn(2, 200, 210);
const RUN_OF_BOTH = [...ERA_1, RESTORE, ...AGAIN];

const AWAY = { process: 'us-1#1', region: 'us' };
const LATEST = { ...AWAY, level: 'latest', tier: 'source' };
const WITHIN_50 = { ...AWAY, level: 'bounded', boundMs: 50, tier: 'l1' };

/** A write of the second era, `n` and its counter. */
function reborn(counter: number, startMs: number, endMs: number, more: object = {}): HistoryLine[] {
  return write(counter, startMs, endMs, more).map((line) => ({
    ...line,
    write: `n${counter}`,
    ...(line.type === 'commit' && { era: 2 }),
  })) as HistoryLine[];
}

/** A read of a value of the second era. */
function readReborn(counter: number, startMs: number, endMs: number, more: object = {}): HistoryLine {
  return read(counter, startMs, endMs, { value: { counter, write: `n${counter}`, settings: 0 }, ...more });
}

describe('I12, restores', () => {
  it('what was undone may be read as the latest until the restore', () => {
    expect(broken(RUN_OF_BOTH, read(3, 99, 150, LATEST))).toEqual([]);
    expect(broken(RUN_OF_BOTH, read(3, 101, 150, LATEST))).toEqual(['I12']);
  });

  it('and within a bound for no longer than the bound', () => {
    expect(broken(RUN_OF_BOTH, read(3, 149, 160, WITHIN_50))).toEqual([]);
    expect(broken(RUN_OF_BOTH, read(3, 151, 160, WITHIN_50))).toEqual(['I12']);
  });

  it('eventual reads may see it longer', () => {
    expect(broken(RUN_OF_BOTH, read(3, 300, 301, { ...AWAY, tier: 'l1' }))).toEqual([]);
  });

  it('says which restore undid it', () => {
    const [violation] = judged(RUN_OF_BOTH, read(3, 101, 150, LATEST));
    expect(violation?.what).toBe(
      'us-1#1 asked item:1 with latest and got w3 from source, which the restore to era 2 had undone before the bound',
    );
  });

  it('what was undone is wrong at the end', () => {
    const final = { type: 'final', tier: 'read', key: 'item:1', ...AWAY } as const;
    const value = (write: string, counter: number) => ({ write, counter, settings: 0 });
    expect(broken(RUN_OF_BOTH, { ...final, value: value('n2', 2) })).toEqual([]);
    expect(broken(RUN_OF_BOTH, { ...final, value: value('w2', 2) })).toEqual(['I4']);
    expect(broken(RUN_OF_BOTH, { ...final, value: value('w3', 3) })).toEqual(['I4']);
  });

  it('settings that were undone are not shown either', () => {
    const settings = (counter: number): HistoryLine => ({
      type: 'commit',
      key: '*',
      counter,
      write: `s${counter}`,
      absent: false,
    });
    const restore: HistoryLine = { type: 'restore', atMs: 100, era: 2, kept: { 'item:1': 1, '*': 1 } };
    const before = [...write(1, 0, 10), settings(1), settings(2), restore];
    const showing = (of: number) =>
      read(1, 200, 201, { ...LATEST, value: { counter: 1, write: 'w1', settings: of } });
    expect(broken(before, showing(1))).toEqual([]);
    expect(broken(before, showing(2))).toEqual(['I12']);
  });

  it('two restores: what the first kept, the second may undo', () => {
    const second: HistoryLine = { type: 'restore', atMs: 300, era: 3, kept: {} };
    const lines = [...RUN_OF_BOTH, second];
    expect(broken(lines, read(1, 299, 310, LATEST))).toEqual(['I6']); // n2 had superseded it.
    expect(broken(lines, readReborn(2, 299, 310, LATEST))).toEqual([]);
    expect(broken(lines, readReborn(2, 301, 310, LATEST))).toEqual(['I12']);
    expect(broken(lines, read(1, 301, 310, LATEST))).toEqual(['I12']);
    expect(broken(lines, read(null, 301, 310, LATEST))).toEqual([]);
  });
});

describe('I6, over a restore', () => {
  it('what the restore kept is right again after it, however it was superseded before', () => {
    expect(broken(ERA_1, RESTORE, read(1, 60, 99, WITHIN_50))).toEqual([]);
    expect(broken(ERA_1, RESTORE, read(1, 85, 99, WITHIN_50))).toEqual(['I6']);
    expect(broken(ERA_1, RESTORE, read(1, 85, 101, WITHIN_50))).toEqual([]);
    expect(broken(ERA_1, RESTORE, read(1, 200, 201, WITHIN_50))).toEqual([]);
  });

  it('the new era has an order of its own', () => {
    expect(broken(RUN_OF_BOTH, readReborn(2, 300, 301, WITHIN_50))).toEqual([]);
    expect(broken(RUN_OF_BOTH, read(1, 259, 265, WITHIN_50))).toEqual([]);
    expect(broken(RUN_OF_BOTH, read(1, 261, 265, WITHIN_50))).toEqual(['I6']);
  });

  it('what was acknowledged and kept still supersedes', () => {
    const restore: HistoryLine = { type: 'restore', atMs: 100, era: 2, kept: { 'item:1': 2 } };
    expect(broken(ERA_1, restore, read(1, 300, 301, WITHIN_50))).toEqual(['I6']);
  });
});

describe('integrity, over a restore', () => {
  it('one counter, two states: the write tells which', () => {
    expect(broken(RUN_OF_BOTH, readReborn(2, 300, 301), read(2, 60, 61, AWAY))).toEqual([]);
    const mixed = { value: { counter: 3, write: 'n2', settings: 0 } };
    expect(broken(RUN_OF_BOTH, read(3, 300, 301, mixed))).toEqual(['integrity']);
  });

  it('counters go on from what was kept', () => {
    expect(broken(ERA_1, RESTORE, reborn(3, 200, 210))).toEqual(['integrity']);
    expect(broken(ERA_1, RESTORE, reborn(1, 200, 210))).toEqual(['integrity']);
  });
});

describe('I1 and I2, over a restore', () => {
  it('what the store served and was undone binds no more', () => {
    expect(broken(RUN_OF_BOTH, read(3, 60, 61, { ...AWAY }), read(1, 150, 151, AWAY))).toEqual([]);
  });

  it('before the restore it does', () => {
    expect(broken(RUN_OF_BOTH, read(3, 60, 61, AWAY), read(1, 70, 71, AWAY))).toEqual(['I2']);
  });

  it('what was served and kept still binds', () => {
    const restore: HistoryLine = { type: 'restore', atMs: 100, era: 2, kept: { 'item:1': 2 } };
    const reads = [read(2, 60, 61, AWAY), read(3, 70, 71, AWAY), read(1, 150, 151, AWAY)];
    expect(broken(ERA_1, restore, reads)).toEqual(['I2']);
  });

  it('a store that served the new era never goes back to what was undone', () => {
    expect(broken(RUN_OF_BOTH, readReborn(2, 220, 221, AWAY), read(3, 230, 231, AWAY))).toEqual(['I2']);
    expect(broken(RUN_OF_BOTH, read(3, 220, 221, AWAY), readReborn(2, 230, 231, AWAY))).toEqual([]);
  });

  it('nor does a process that wrote in it', () => {
    expect(broken(RUN_OF_BOTH, read(3, 230, 231, { tier: 'l1' }))).toEqual(['I2']);
  });
});

describe('I7, over a restore', () => {
  const session = { ...AWAY, level: 'session', session: 's', tier: 'l1' };

  it('what the session knew and was undone is no floor any more', () => {
    expect(broken(RUN_OF_BOTH, read(3, 60, 61, session), read(1, 150, 151, session))).toEqual([]);
    expect(broken(RUN_OF_BOTH, read(3, 60, 61, session), read(1, 70, 71, session))).toEqual(['I7']);
  });

  it('what it knew below that still is', () => {
    const restore: HistoryLine = { type: 'restore', atMs: 100, era: 2, kept: { 'item:1': 2 } };
    const reads = [read(2, 52, 53, session), read(3, 60, 61, session), read(1, 150, 151, session)];
    expect(broken(ERA_1, restore, reads)).toEqual(['I7']);
  });

  it('a write that the restore undid binds nobody', () => {
    const own = ERA_1.map((line) => (line.type === 'write' ? { ...line, session: 's' } : line));
    expect(broken(own, RESTORE, read(1, 150, 151, session))).toEqual([]);
    expect(broken(own, RESTORE, read(1, 60, 61, session))).toEqual(['I7']);
  });

  it('it never goes back to what was undone', () => {
    expect(broken(RUN_OF_BOTH, readReborn(2, 220, 221, session), read(3, 230, 231, session))).toEqual(['I7']);
    expect(broken(RUN_OF_BOTH, read(3, 220, 221, session), readReborn(2, 230, 231, session))).toEqual([]);
  });
});
