import { expect, it } from 'vitest';
import { checkHistory, explain, type HistoryLine, toHistory } from '../src/index.ts';
import { read, RUN, write } from './lines.ts';

function explained(...lines: (HistoryLine | HistoryLine[])[]): string[] {
  const history = toHistory([RUN, ...lines.flat()]);
  return explain(checkHistory(history), history).trimEnd().split('\n');
}

it('tells what happened to the key, inside as well', () => {
  const at = { region: 'eu', key: 'item:1', process: 'eu-1#1' };
  const level = { type: 'level', region: 'eu', store: 'eu/1', what: 'horizon', value: '1.4' } as const;
  const lines = explained(
    write(1, 0, 10),
    write(2, 20, 30, { storeTold: false }),
    { type: 'fault', kind: 'crash', target: 'eu-1', startMs: 40, endMs: 41 },
    { type: 'restore', atMs: 50, era: 2, kept: { 'item:1': 1 } },
    { ...level, atMs: 55 },
    { ...level, atMs: 56 },
    { type: 'lease', ...at, token: 't1', atMs: 60, untilMs: 90 },
    { type: 'load', ...at, startMs: 61, endMs: 65, lease: 't1' },
    { type: 'load', ...at, startMs: 62, endMs: 66, lease: null, replica: true },
    { type: 'lease-end', ...at, token: 't1', atMs: 70 },
    { type: 'told', ...at, store: 'eu/1', version: '1.7', atMs: 71 },
    { type: 'served', ...at, store: 'eu/1', version: '1.6', atMs: 72 },
    { type: 'served', ...at, region: 'us', store: 'us/1', version: '1.6', atMs: 73 },
    read(2, 80, 81, { level: 'latest', process: 'eu-2#1', tier: 'source' }),
  );
  expect(lines).toEqual([
    'I2 at 0.072 s: eu/1 served 1.6 of item:1 as fresh to eu-1#1, after eu-1#1 had told it of 1.7',
    'I12 at 0.081 s: eu-2#1 asked item:1 with latest and got w2 from source, which the restore to era 2 had undone before the bound',
    '',
    'What happened to item:1, seen from eu:',
    '    0.000 s  eu-1#1 writes item:1 by put as w1, ok after 10.0 ms; it is counter 1',
    '    0.020 s  eu-1#1 writes item:1 by put as w2, ok after 10.0 ms; it is counter 2; its region’s store did not hear of it',
    '    0.040 s  FAULT crash at eu-1 for 1.0 ms',
    '    0.050 s  RESTORE to era 2; counters of item:1 above 1 never happened',
    '    0.055 s  the horizon of eu/1 is 1.4',
    '    0.060 s  eu-1#1 is granted the lease t1 of item:1 for 30.0 ms',
    '    0.061 s  eu-1#1 loads item:1 under the lease t1, for 4.0 ms',
    '    0.062 s  eu-1#1 loads item:1 from a replica without a lease, for 4.0 ms',
    '    0.070 s  the lease t1 of item:1 ends',
    '    0.071 s  eu-1#1 tells eu/1 that item:1 has version 1.7',
    '    0.072 s  eu/1 serves eu-1#1 version 1.6 of item:1',
    '    0.080 s  eu-2#1 reads item:1, latest: counter 2 by w2, settings 0 from source, no reason, after 1.0 ms',
  ]);
});

it('lists no more than anybody reads', () => {
  const reads = Array.from({ length: 30 }, (_, i) => read(9, 10 + i, 11 + i));
  const lines = explained(write(1, 0, 1), reads);
  expect(lines.filter((line) => line.startsWith('integrity'))).toHaveLength(20);
  expect(lines).toContain('… and 10 more');
});
