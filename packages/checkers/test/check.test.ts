import { describe, expect, it } from 'vitest';
import { type HistoryLine, parseLines, toHistory } from '../src/index.ts';
import { broken, read, RUN, write } from './lines.ts';

const OTHER = { process: 'eu-2#1' };
const ROLLBACK = { type: 'fault', kind: 'redis-rolled-back', target: 'eu', rolledBack: 'eu' } as const;

describe('I1 and I2, fresh hits', () => {
  it('what rises is good', () => {
    expect(broken(write(1, 0, 1), read(1, 2, 3), write(2, 4, 5), read(2, 6, 7, OTHER))).toEqual([]);
  });

  it('a store that served a version never serves an older one', () => {
    const before = [...write(1, 0, 1, OTHER), ...write(2, 2, 3, { ...OTHER, storeTold: false })];
    expect(broken(before, read(2, 4, 5), read(1, 6, 7))).toEqual(['I2']);
  });

  it('a store may serve an older state under a higher version, not under the same or a lower one', () => {
    const before = [...write(1, 0, 1, OTHER), ...write(2, 2, 3, { ...OTHER, storeTold: false })];
    const under = (counter: number, version: string, ms: number) => read(counter, ms, ms + 1, { version });
    expect(broken(before, under(2, '1.3', 4), under(1, '1.4', 6))).toEqual([]);
    expect(broken(before, under(2, '1.3', 4), under(1, '1.3', 6))).toEqual(['I2']);
    expect(broken(before, under(2, '1.3', 4), under(1, '1.2', 6))).toEqual(['I2']);
    expect(broken(before, under(2, '1.3', 4), under(1, '2.1', 6))).toEqual([]);
    // What is known under the highest version binds, whatever was served under lower ones meanwhile.
    expect(broken(before, under(1, '1.2', 4), under(2, '1.3', 6), under(1, '1.3', 8))).toEqual(['I2']);
  });

  it('two reads at once prove nothing about each other', () => {
    const before = [...write(1, 0, 1, OTHER), ...write(2, 2, 3, { ...OTHER, storeTold: false })];
    expect(broken(before, read(2, 4, 6), read(1, 5, 7))).toEqual([]);
  });

  it('a store that was rolled back starts over', () => {
    const before = [...write(1, 0, 1, OTHER), ...write(2, 2, 3, { ...OTHER, storeTold: false })];
    const back: HistoryLine = { ...ROLLBACK, startMs: 6, endMs: 7 };
    expect(broken(before, read(2, 4, 5), back, read(1, 8, 9))).toEqual([]);
    expect(broken(before, back, read(2, 8, 9), read(1, 10, 11))).toEqual(['I2']);
  });

  it('a process never reads below what it wrote, from any tier', () => {
    expect(broken(write(1, 0, 1), write(2, 2, 3), read(1, 4, 5, { tier: 'l1' }))).toEqual(['I2']);
    expect(broken(write(1, 0, 1), write(2, 2, 3), read(1, 4, 5, { tier: 'source' }))).toEqual(['I2']);
  });

  it('another process of the region may, unless the store was told', () => {
    const untold = write(2, 2, 3, { storeTold: false });
    expect(broken(write(1, 0, 1), untold, read(1, 4, 5, OTHER))).toEqual([]);
    expect(broken(write(1, 0, 1), write(2, 2, 3), read(1, 4, 5, OTHER))).toEqual(['I2']);
  });

  it('the settings of one key are judged by that key', () => {
    const settings = (counter: number): HistoryLine[] => [
      { type: 'commit', key: '*', counter, write: `s${counter}`, absent: false },
    ];
    const showing = (key: string, of: number, startMs: number): HistoryLine =>
      read(1, startMs, startMs + 1, { key, value: { counter: 1, write: 'w1', settings: of } });
    const other: HistoryLine = { type: 'commit', key: 'item:2', counter: 1, write: 'w1', absent: false };
    const before = [...write(1, 0, 1), other, ...settings(1), ...settings(2)];
    expect(broken(before, showing('item:1', 2, 4), showing('item:2', 1, 6))).toEqual([]);
    expect(broken(before, showing('item:1', 2, 4), showing('item:1', 1, 6))).toEqual(['I2']);
  });
});

describe('I6, bounded', () => {
  const within = { level: 'bounded', boundMs: 100, tier: 'l1', process: 'us-1#1', region: 'us' };

  it('what was superseded longer ago than the bound is not served', () => {
    const writes = [...write(1, 0, 1), ...write(2, 10, 20)];
    expect(broken(writes, read(1, 119, 125, within))).toEqual([]);
    expect(broken(writes, read(1, 121, 125, within))).toEqual(['I6']);
    expect(broken(writes, read(2, 121, 125, within))).toEqual([]);
  });

  it('a write whose outcome nobody knows supersedes nothing', () => {
    const writes = [...write(1, 0, 1), ...write(2, 10, 20, { outcome: 'error' })];
    expect(broken(writes, read(1, 500, 501, within))).toEqual(['I10']);
    const excused: HistoryLine = {
      type: 'fault',
      kind: 'x',
      target: '',
      startMs: 0,
      endMs: 1,
      sourceAway: 'all',
    };
    expect(broken(writes, excused, read(1, 500, 501, within))).toEqual([]);
  });

  it('absence may be any absence up to the read', () => {
    const gone = write(2, 10, 20, { absent: true });
    expect(broken(write(1, 0, 1), gone, write(3, 30, 40), read(null, 50, 60, within))).toEqual([]);
    expect(broken(write(1, 0, 1), gone, write(3, 30, 40), read(null, 150, 160, within))).toEqual(['I6']);
  });

  it('at the very instant of the bound nobody knows what came first', () => {
    const writes = [...write(1, 0, 1), ...write(2, 10, 20)];
    expect(broken(writes, read(1, 120, 125, within))).toEqual([]);
    expect(broken(writes, read(1, 20, 25, { ...within, level: 'latest' }))).toEqual([]);
  });

  it('absence is none that had not begun', () => {
    const lines = [...write(1, 0, 1), ...write(2, 200, 201, { absent: true })];
    expect(broken(lines, read(null, 150, 199, within))).toEqual(['I6']);
    expect(broken(lines, read(null, 150, 200, within))).toEqual([]);
  });

  it('an answer is no older than it says', () => {
    const writes = [...write(1, 0, 1), ...write(2, 10, 20)];
    const claims = (ms: number | null, more: object = {}) =>
      read(1, 200, 201, { tier: 'l1', process: 'us-1#1', region: 'us', claimedBoundMs: ms, ...more });
    expect(broken(writes, claims(null))).toEqual([]);
    expect(broken(writes, claims(181))).toEqual([]);
    expect(broken(writes, claims(179))).toEqual(['I6']);
    expect(broken(writes, claims(179, { level: 'bounded', boundMs: 1_000 }))).toEqual(['I6']);
    expect(broken(writes, claims(1_000, { level: 'bounded', boundMs: 179 }))).toEqual(['I6']);
  });

  it('latest has a bound of nothing', () => {
    const latest = { ...within, level: 'latest' };
    const writes = [...write(1, 0, 1), ...write(2, 10, 20)];
    expect(broken(writes, read(1, 19, 30, latest))).toEqual([]);
    expect(broken(writes, read(1, 21, 30, latest))).toEqual(['I6']);
  });
});

describe('I7, sessions', () => {
  const session = { level: 'session', session: 's', tier: 'l1', region: 'us' };

  it('reads its own writes, wherever', () => {
    const own = [...write(1, 0, 1), ...write(2, 2, 3, { session: 's' })];
    expect(broken(own, read(2, 4, 5, { ...session, process: 'us-1#1' }))).toEqual([]);
    expect(broken(own, read(1, 4, 5, { ...session, process: 'us-1#1' }))).toEqual(['I7']);
  });

  it('reads the settings that it wrote, whatever it reads', () => {
    const settings = (counter: number): HistoryLine[] =>
      write(counter, counter, counter + 0.5, {
        session: 's',
        key: '*',
        write: `s${counter}`,
        process: 'eu-1#1',
      }).map((line) => ({ ...line, key: '*', write: `s${counter}` }) as HistoryLine);
    const showing = (of: number) =>
      read(1, 4, 5, { ...session, process: 'us-1#1', value: { counter: 1, write: 'w1', settings: of } });
    expect(broken(write(1, 0, 1), settings(1), settings(2), showing(2))).toEqual([]);
    expect(broken(write(1, 0, 1), settings(1), settings(2), showing(1))).toEqual(['I7']);
  });

  it('never goes back', () => {
    const writes = [...write(1, 0, 1), ...write(2, 2, 3)];
    const reads = [
      read(2, 4, 5, { ...session, process: 'us-1#1' }),
      read(1, 6, 7, { ...session, process: 'ap-1#1', region: 'ap' }),
    ];
    expect(broken(writes, reads)).toEqual(['I7']);
    expect(
      broken(
        writes,
        reads.toReversed().map((each, i) => ({ ...each, startMs: i, endMs: 4 + i })),
      ),
    ).toEqual([]);
  });
});

it('I8: members of several generations in one view', () => {
  const view = { type: 'view', key: 'g', process: 'p', region: 'eu', startMs: 1, endMs: 2 } as const;
  expect(broken({ ...view, members: ['a', 'a'] })).toEqual([]);
  expect(broken({ ...view, members: ['a', 'b'] })).toEqual(['I8']);
});

describe('I10, availability', () => {
  const failed = { outcome: 'error', code: 'E_STORE_UNAVAILABLE', value: undefined };
  const fault = { type: 'fault', kind: 'x', target: 'eu', startMs: 5, endMs: 9 } as const;

  it('a cache or bus that is down excuses nothing', () => {
    expect(broken(write(1, 0, 1), fault, read(1, 6, 7, failed))).toEqual(['I10']);
  });

  it('Postgres out of reach does, for its region', () => {
    expect(broken(write(1, 0, 1), { ...fault, sourceAway: ['eu'] }, read(1, 6, 7, failed))).toEqual([]);
    expect(broken(write(1, 0, 1), { ...fault, sourceAway: ['us'] }, read(1, 6, 7, failed))).toEqual(['I10']);
  });

  it('so does being stopped', () => {
    expect(broken(write(1, 0, 1), { ...fault, processes: ['eu-1#1'] }, read(1, 6, 7, failed))).toEqual([]);
    expect(broken(write(1, 0, 1), { ...fault, processes: ['eu-2#1'] }, read(1, 6, 7, failed))).toEqual([
      'I10',
    ]);
  });

  it('a stopped process may hold locks that the writes of others wait for, not their reads', () => {
    const stopped = { ...fault, processes: ['eu-2#1'] };
    expect(broken(stopped, write(1, 6, 7, { outcome: 'error', code: 'E_LOCK' }))).toEqual([]);
    expect(broken(write(1, 0, 1), stopped, read(1, 6, 7, failed))).toEqual(['I10']);
  });

  it('a write may time out in a queue of writes of its row, when there was one all the time', () => {
    const late = { outcome: 'error', code: 'E_SOURCE_UNAVAILABLE' };
    const queue = [...write(1, 0, 600), ...write(2, 500, 1_200)];
    expect(broken(queue, write(3, 100, 1_100, late))).toEqual([]);
    // The last 100 ms nobody else was writing.
    expect(broken(queue, write(3, 100, 1_300, late))).toEqual(['I10']);
    expect(broken(write(1, 0, 400), write(2, 500, 1_200), write(3, 100, 1_100, late))).toEqual(['I10']);
  });

  it('a short fault within a long one ends nothing, and after the last one there is a moment', () => {
    const away = { ...fault, sourceAway: ['eu'] };
    const faults = [
      { ...away, startMs: 0, endMs: 20_000 },
      { ...away, startMs: 5, endMs: 9 },
    ];
    expect(broken(write(1, 0, 1), faults, read(1, 19_000, 19_001, failed))).toEqual([]);
    expect(broken(write(1, 0, 1), faults, read(1, 25_999, 26_000, failed))).toEqual([]);
    expect(broken(write(1, 0, 1), faults, read(1, 26_001, 26_002, failed))).toEqual(['I10']);
  });

  it('a read that would rather fail may', () => {
    const asked = {
      ...failed,
      level: 'bounded',
      boundMs: 9,
      whenUnproven: 'fail',
      code: 'E_STALENESS_UNPROVEN',
    };
    expect(broken(write(1, 0, 1), read(1, 6, 7, asked))).toEqual([]);
  });

  it('nothing takes longer than its limit', () => {
    expect(broken(write(1, 0, 1), read(1, 2, 1_003))).toEqual(['I10']);
    expect(broken(write(1, 0, 2_001))).toEqual(['I10']);
  });
});

describe('I4 and I5, the end', () => {
  const final = { type: 'final', region: 'eu', process: 'eu-1#1', key: 'item:1' } as const;
  const value = (counter: number) => ({ counter, write: `w${counter}`, settings: 0 });
  const writes = [...write(1, 0, 1), ...write(2, 2, 3)];

  it('every tier shows the last commit', () => {
    expect(broken(writes, { ...final, tier: 'l1', value: value(2) })).toEqual([]);
    expect(broken(writes, { ...final, tier: 'l1', value: value(1) })).toEqual(['I5']);
    expect(broken(writes, { ...final, tier: 'l2', value: null })).toEqual(['I5']);
  });

  it('every region was asked for every key', () => {
    expect(broken(writes, { ...final, tier: 'read', value: value(2) })).toEqual([]);
    expect(broken(writes, { ...final, tier: 'read', value: value(1) })).toEqual(['I4']);
    expect(broken(writes, { ...final, tier: 'read', key: 'item:2', value: null })).toEqual(['I4']);
  });

  it('a commit whose writer died counts like any other', () => {
    const unknown: HistoryLine = { type: 'commit', key: 'item:1', counter: 3, write: 'dead', absent: false };
    expect(broken(writes, unknown, { ...final, tier: 'read', value: value(2) })).toEqual(['I4']);
  });
});

describe('integrity', () => {
  it('what nobody wrote is not read', () => {
    expect(broken(write(1, 0, 1), read(2, 2, 3))).toEqual(['integrity']);
  });

  it('nor a value of what was deleted', () => {
    expect(broken(write(1, 0, 1), write(2, 2, 3, { absent: true }), read(2, 4, 5))).toEqual(['integrity']);
  });

  it('nor what is about to be written', () => {
    expect(broken(write(1, 10, 11), read(1, 2, 3))).toEqual(['integrity']);
  });
});

describe('the file', () => {
  it('a line that a killed process left unfinished is dropped', () => {
    expect(parseLines(`${JSON.stringify(RUN)}\n{"type":"rea`)).toEqual([RUN]);
  });

  it('without a line about the run it is not a history', () => {
    expect(() => toHistory([])).toThrow(/exactly one line/);
  });
});
