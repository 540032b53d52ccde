import { expect, it } from 'vitest';
import { checkHistory, type HistoryLine, toHistory } from '../src/index.ts';

const RUN: HistoryLine = {
  type: 'run',
  format: 1,
  seed: 1,
  startMs: 0,
  broken: null,
  limits: { readMs: 1_000, writeMs: 2_000 },
};
/** The third commit is lost at 100 ms; the one that follows takes its counter. */
const RESTORE: HistoryLine = { type: 'restore', atMs: 100, era: 2, kept: { 'item:1': 2 } };

function write(counter: number, startMs: number, era = 1): HistoryLine[] {
  const name = `w${era}.${counter}`;
  const begun = { process: 'eu-1#1', region: 'eu', startMs, write: name, key: 'item:1', kind: 'put' };
  return [
    { type: 'commit', key: 'item:1', counter, write: name, absent: false, era },
    { type: 'intent', ...begun },
    {
      type: 'write',
      via: 'node',
      endMs: startMs + 1,
      outcome: 'ok',
      storeTold: true,
      session: 's1',
      ...begun,
    },
  ];
}

function read(counter: number, startMs: number, era: number, more: object = {}): HistoryLine {
  return {
    type: 'read',
    process: 'eu-1#1',
    region: 'eu',
    key: 'item:1',
    level: 'eventual',
    startMs,
    endMs: startMs + 1,
    outcome: 'ok',
    value: { counter, write: `w${counter < 3 ? 1 : era}.${counter}`, settings: 0 },
    version: `${era}.${counter}`,
    tier: 'l2',
    ...more,
  };
}

function broken(...lines: (HistoryLine | HistoryLine[])[]): string[] {
  const found = checkHistory(toHistory([RUN, ...lines.flat()]));
  return [...new Set(found.map(({ invariant }) => invariant))];
}

const BEFORE = [...write(1, 0), ...write(2, 10), ...write(3, 20)];
const lost = (more: object = {}): HistoryLine => read(3, 200, 1, { level: 'latest', ...more });

it('what was read before a restore, and is lost with it, was right', () => {
  expect(broken(BEFORE, read(3, 30, 1), RESTORE, read(2, 200, 2), write(3, 300, 2), read(3, 400, 2))).toEqual(
    [],
  );
});

it('nobody is held to what was lost: neither its writer, nor its session, nor the store', () => {
  const session = { level: 'session', session: 's1' };
  expect(broken(BEFORE, read(3, 30, 1, session), RESTORE, read(2, 200, 2, session))).toEqual([]);
});

it('within an era everything is as ever', () => {
  const after = [RESTORE, ...write(3, 200, 2), ...write(4, 210, 2)];
  expect(broken(BEFORE, after, read(4, 300, 2), read(3, 400, 2))).toEqual(['I2']);
  expect(
    broken(BEFORE, after, read(3, 300, 2, { level: 'bounded', boundMs: 10, process: 'eu-2#1', tier: 'l1' })),
  ).toEqual(['I6']);
  expect(broken(BEFORE, after, read(5, 300, 2))).toEqual(['integrity']);
});

it('what was lost may linger where nothing was promised, and nowhere else', () => {
  expect(broken(BEFORE, RESTORE, read(3, 200, 1))).toEqual([]);
  expect(broken(BEFORE, RESTORE, lost({ startMs: 99 }))).toEqual([]);
  expect(broken(BEFORE, RESTORE, lost())).toEqual(['I12']);
  expect(broken(BEFORE, RESTORE, lost({ level: 'bounded', boundMs: 150 }))).toEqual([]);
  expect(broken(BEFORE, RESTORE, lost({ level: 'bounded', boundMs: 50 }))).toEqual(['I12']);
});

it('what a caller is left with is of the last era', () => {
  const final = { type: 'final', region: 'eu', process: 'eu-1#1', tier: 'read', key: 'item:1' } as const;
  const kept = { counter: 2, write: 'w1.2', settings: 0 };
  const gone = { counter: 3, write: 'w1.3', settings: 0 };
  expect(broken(BEFORE, RESTORE, { ...final, value: kept })).toEqual([]);
  expect(broken(BEFORE, RESTORE, { ...final, value: gone })).toEqual(['I4']);
});

it('two restores are three eras', () => {
  const again: HistoryLine = { type: 'restore', atMs: 500, era: 5, kept: { 'item:1': 3 } };
  const elsewhere = { process: 'us-1#1', region: 'us' };
  const second = [RESTORE, ...write(3, 200, 2), ...write(4, 210, 2), again];
  expect(
    broken(BEFORE, second, read(3, 600, 5, { value: { counter: 3, write: 'w2.3', settings: 0 } })),
  ).toEqual([]);
  expect(
    broken(
      BEFORE,
      second,
      read(3, 600, 5, { ...elsewhere, value: { counter: 3, write: 'w1.3', settings: 0 } }),
    ),
  ).toEqual(['integrity']);
  expect(
    broken(
      BEFORE,
      second,
      read(4, 600, 1, { ...elsewhere, level: 'latest', value: { counter: 4, write: 'w2.4', settings: 0 } }),
    ),
  ).toEqual(['I12']);
});
