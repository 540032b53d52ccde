import type { CommitLine, HistoryLine, ReadLine, Value } from '../src/index.ts';

type Kind = HistoryLine['type'];
type Of<K extends Kind> = Extract<HistoryLine, { type: K }>;

/** A history with one thing that is wrong in it, and which check has to say so. */
export interface Broken {
  readonly lines: readonly HistoryLine[];
  readonly invariant: string;
}

/** Breaks a legal history in one place, which a number chooses; null when it has no such place. */
type Break = (lines: readonly HistoryLine[], pick: number) => Broken | null;

function all<K extends Kind>(lines: readonly HistoryLine[], type: K): Of<K>[] {
  return lines.filter((line): line is Of<K> => line.type === type);
}

function one<T>(items: readonly T[], pick: number): T | undefined {
  return items[pick % Math.max(1, items.length)];
}

/** Changes one line. */
function change<L extends HistoryLine>(
  lines: readonly HistoryLine[],
  invariant: string,
  line: L | undefined,
  changes: (line: L) => Partial<L>,
): Broken | null {
  if (!line) return null;
  return { invariant, lines: lines.map((each) => (each === line ? { ...line, ...changes(line) } : each)) };
}

function valueOf({ counter, write }: CommitLine): Value {
  return { counter, write, settings: 0 };
}

/** Values of the key that were committed before this counter. */
function older(lines: readonly HistoryLine[], key: string, counter: number): CommitLine[] {
  return all(lines, 'commit').filter((each) => each.key === key && !each.absent && each.counter < counter);
}

function isQuiet(lines: readonly HistoryLine[]): boolean {
  return all(lines, 'restore').length === 0 && all(lines, 'fault').every(({ kind }) => kind !== 'reset');
}

/** Values that were read, and what was committed then. */
function valuesRead(lines: readonly HistoryLine[]): ReadLine[] {
  return all(lines, 'read').filter(({ value }) => value);
}

/** A read that shows less than another one, or a write, that ended before it, by places they have in common. */
function goesBack(
  lines: readonly HistoryLine[],
  invariant: string,
  pick: number,
  pairs: readonly (readonly [counter: number, read: ReadLine])[],
): Broken | null {
  if (!isQuiet(lines)) return null;
  const [counter, read] = one(
    pairs.filter(([known, { key, outcome }]) => outcome === 'ok' && older(lines, key, known).length > 0),
    pick,
  ) ?? [0, undefined];
  return change(lines, invariant, read, ({ key }) => ({
    value: valueOf(one(older(lines, key, counter), pick)!),
    // Under a higher version a store may show less.
    version: null,
  }));
}

function pairsOf(
  lines: readonly HistoryLine[],
  isOne: (read: ReadLine) => boolean,
  placeOf: (read: ReadLine) => string,
): [number, ReadLine][] {
  const reads = all(lines, 'read').filter(isOne);
  return reads.flatMap((before) =>
    reads
      .filter((after) => placeOf(after) === placeOf(before) && after.key === before.key)
      .filter((after) => after !== before && before.endMs < after.startMs && before.value)
      .map((after): [number, ReadLine] => [before.value!.counter, after]),
  );
}

/** The undone commits of the first restore. */
function undone(lines: readonly HistoryLine[]): { readonly atMs: number; readonly commits: CommitLine[] } {
  const [restore] = all(lines, 'restore');
  if (!restore) return { atMs: 0, commits: [] };
  const commits = all(lines, 'commit').filter(
    ({ key, counter, era, absent }) =>
      era === 1 && !absent && key !== '*' && counter > (restore.kept[key] ?? 0),
  );
  return { atMs: restore.atMs, commits };
}

const ELSEWHERE = { process: 'ap-1#1', region: 'ap' } as const;

/** Everything that our checkers must find, by a name that says what is wrong. */
export const BREAKS: Readonly<Record<string, Break>> = {
  'a counter that nobody committed': (lines, pick) =>
    change(lines, 'integrity', one(valuesRead(lines), pick), ({ value }) => ({
      value: { ...value!, counter: value!.counter + 1_000 },
    })),
  'a write that nobody made': (lines, pick) =>
    change(lines, 'integrity', one(valuesRead(lines), pick), ({ value }) => ({
      value: { ...value!, write: 'nobody' },
    })),
  'settings that nobody made': (lines, pick) =>
    change(lines, 'integrity', one(valuesRead(lines), pick), ({ value }) => ({
      value: { ...value!, settings: 1_000 },
    })),
  'a write that had not begun': (lines, pick) => {
    const read = one(valuesRead(lines), pick);
    const intent = all(lines, 'intent').find(({ write }) => write === read?.value?.write);
    return change(lines, 'integrity', intent, () => ({ startMs: read!.endMs + 1 }));
  },
  'a hole in the log': (lines, pick) => {
    const commits = all(lines, 'commit');
    const inner = commits.filter(({ key, counter, era }) =>
      commits.some((each) => each.key === key && each.counter > counter && each.era === era),
    );
    const gone = one(inner, pick);
    return gone ? { invariant: 'integrity', lines: lines.filter((line) => line !== gone) } : null;
  },
  'a counter twice': (lines, pick) => ({
    invariant: 'integrity',
    lines: [...lines, { ...one(all(lines, 'commit'), pick)!, write: 'another' }],
  }),
  'a version of an era that does not know the value': (lines, pick) => {
    const { commits } = undone(lines);
    const lost = valuesRead(lines).filter(({ value }) => commits.some(({ write }) => write === value!.write));
    return change(lines, 'integrity', one(lost, pick), () => ({ version: '99.1' }));
  },
  'older than the bound': (lines, pick) => {
    const commits = all(lines, 'commit');
    const pairs = all(lines, 'read').flatMap((read): [number, ReadLine][] => {
      if (read.level !== 'bounded' && read.level !== 'latest') return [];
      const beforeMs = read.startMs - (read.boundMs ?? 0);
      return all(lines, 'write')
        .filter(({ key, outcome, endMs }) => key === read.key && outcome === 'ok' && endMs < beforeMs)
        .map(({ write }) => [commits.find((each) => each.write === write)!.counter, read]);
    });
    return goesBack(lines, 'I6', pick, pairs);
  },
  'a session that goes back': (lines, pick) =>
    goesBack(
      lines,
      'I7',
      pick,
      pairsOf(
        lines,
        ({ session }) => session !== undefined,
        ({ session }) => session!,
      ),
    ),
  'a store that goes back': (lines, pick) =>
    goesBack(
      lines,
      'I2',
      pick,
      pairsOf(
        lines,
        ({ tier }) => tier === 'l2',
        ({ region }) => region,
      ),
    ),
  'a writer that does not read what it wrote': (lines, pick) => {
    const commits = all(lines, 'commit');
    const pairs = all(lines, 'write')
      .filter(({ outcome }) => outcome === 'ok')
      .flatMap(({ process, key, write, endMs }) =>
        all(lines, 'read')
          .filter((read) => read.process === process && read.key === key && read.startMs > endMs)
          .map((read): [number, ReadLine] => [commits.find((each) => each.write === write)!.counter, read]),
      );
    return goesBack(lines, 'I2', pick, pairs);
  },
  'what a restore undid, as the latest': (lines, pick) => {
    const { atMs, commits } = undone(lines);
    const lost = one(commits, pick);
    if (!lost) return null;
    const read: ReadLine = {
      type: 'read',
      ...ELSEWHERE,
      key: lost.key,
      level: 'latest',
      startMs: atMs + 1,
      endMs: atMs + 2,
      outcome: 'ok',
      value: valueOf(lost),
    };
    return { invariant: 'I12', lines: [...lines, read] };
  },
  'nothing at the end, where there is something': (lines, pick) => {
    const finals = all(lines, 'final').filter(({ tier, value }) => tier === 'l1' && value);
    return change(lines, 'I5', one(finals, pick), () => ({ value: null }));
  },
  'a region that was not asked at the end': (lines, pick) => {
    const gone = one(
      all(lines, 'final').filter(({ tier, value }) => tier === 'read' && value),
      pick,
    );
    return gone ? { invariant: 'I4', lines: lines.filter((line) => line !== gone) } : null;
  },
  'two generations in one view': (lines, pick) =>
    change(lines, 'I8', one(all(lines, 'view'), pick), () => ({ members: ['g1', 'g2'] })),
  'two leases at a time': (lines, pick) => {
    if (all(lines, 'fault').some(({ kind }) => kind === 'reset')) return null;
    const leases = all(lines, 'lease');
    const first = one(
      leases.filter((lease) => leases.some((other) => follows(lease, other))),
      pick,
    );
    const next = first && leases.find((other) => follows(first, other));
    const found = change(lines, 'I9', first, () => ({ untilMs: next!.atMs + 1 }));
    const isEnd = (line: HistoryLine): boolean => line.type === 'lease-end' && line.token === first?.token;
    return found && { ...found, lines: found.lines.filter((line) => !isEnd(line)) };
  },
  'two loads under one lease': (lines, pick) => {
    const load = one(
      all(lines, 'load').filter(({ replica }) => !replica),
      pick,
    );
    return load
      ? { invariant: 'I9', lines: [...lines, { ...load, ...ELSEWHERE, region: load.region }] }
      : null;
  },
  'a read that never ends': (lines, pick) => {
    if (all(lines, 'fault').some(({ sourceAway }) => sourceAway)) return null;
    return change(lines, 'I10', one(all(lines, 'read'), pick), () => ({
      outcome: 'hung' as const,
      endMs: Number.POSITIVE_INFINITY,
    }));
  },
  'a read that takes too long': (lines, pick) => {
    if (all(lines, 'fault').some(({ sourceAway }) => sourceAway)) return null;
    return change(lines, 'I10', one(all(lines, 'read'), pick), ({ endMs }) => ({ startMs: endMs - 1_001 }));
  },
  'a store that was told, and serves what was before': (lines, pick) => {
    const told = all(lines, 'told').filter(({ version }) => version !== '1.0');
    const pairs = all(lines, 'served').flatMap((served) =>
      told
        .filter(({ store, key, atMs }) => store === served.store && key === served.key && atMs < served.atMs)
        .map(({ version }) => ({ served, version })),
    );
    const pair = one(pairs, pick);
    return change(lines, 'I2', pair?.served, () => ({ version: lower(pair!.version) }));
  },
  'a level that goes back': (lines, pick) => {
    const levels = all(lines, 'level');
    const pairs = levels.flatMap((before) =>
      levels
        .filter(({ store, atMs }) => store === before.store && atMs > before.atMs && before.value !== '1.0')
        .map((after) => ({ before, after })),
    );
    const pair = one(pairs, pick);
    return change(lines, 'I3', pair?.after, () => ({ value: lower(String(pair!.before.value)) }));
  },
  'more than the limit': (lines, pick) =>
    change(lines, 'I14', one(all(lines, 'size'), pick), ({ max }) => ({ count: max + 1 })),
};

function follows(lease: Of<'lease'>, other: Of<'lease'>): boolean {
  const { region, key, atMs, token } = lease;
  return other.region === region && other.key === key && other.token !== token && other.atMs >= atMs;
}

function lower(version: string): string {
  return `1.${Number(version.slice(2)) - 1}`;
}
