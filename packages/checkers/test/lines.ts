import { checkHistory, type HistoryLine, toHistory, type Violation } from '../src/index.ts';

export const RUN: HistoryLine = {
  type: 'run',
  format: 1,
  seed: 1,
  startMs: 0,
  broken: null,
  limits: { readMs: 1_000, writeMs: 2_000 },
};

/** A write of `item:1` by `eu-1`, committed as the given counter; acknowledged unless `outcome` says otherwise. */
export function write(counter: number, startMs: number, endMs: number, more: object = {}): HistoryLine[] {
  const name = `w${counter}`;
  const begun = { process: 'eu-1#1', region: 'eu', startMs, write: name, key: 'item:1', kind: 'put' };
  return [
    { type: 'commit', key: 'item:1', counter, write: name, absent: 'absent' in more },
    { type: 'intent', ...begun },
    { type: 'write', via: 'node', endMs, outcome: 'ok', storeTold: true, ...begun, ...more },
  ];
}

/** A read of `item:1` that returned the given counter, or absence. */
export function read(counter: number | null, startMs: number, endMs: number, more: object = {}): HistoryLine {
  return {
    type: 'read',
    process: 'eu-1#1',
    region: 'eu',
    key: 'item:1',
    level: 'eventual',
    startMs,
    endMs,
    outcome: 'ok',
    value: counter === null ? null : { counter, write: `w${counter}`, settings: 0 },
    tier: 'l2',
    ...more,
  };
}

/** The invariants that a history of these lines breaks. */
export function broken(...lines: (HistoryLine | HistoryLine[])[]): string[] {
  const found = checkHistory(toHistory([RUN, ...lines.flat()]));
  return [...new Set(found.map(({ invariant }) => invariant))];
}

/** What a history of these lines shows to be broken. */
export function judged(...lines: (HistoryLine | HistoryLine[])[]): Violation[] {
  return checkHistory(toHistory([RUN, ...lines.flat()]));
}
