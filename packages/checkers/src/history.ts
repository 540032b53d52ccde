/*
 * The history of a run: JSON, one line for each thing that happened, in no particular order. The format is
 * described in docs/reference/history.md. All times are milliseconds of the machine's monotonic clock.
 */

/** First line of a history. */
export interface RunLine {
  readonly type: 'run';
  readonly format: 1;
  readonly seed: number;
  readonly startMs: number;
  /** The rule that was switched off, or null. */
  readonly broken: string | null;
  /** How long a read and a write may take, everything included, ms. */
  readonly limits: { readonly readMs: number; readonly writeMs: number };
}

/** What Postgres committed: one line per key and write, read from its own log at the end. */
export interface CommitLine {
  readonly type: 'commit';
  readonly key: string;
  /** Place in the order of this key's commits, dense from 1. */
  readonly counter: number;
  readonly write: string;
  /** The key has no value after this commit. */
  readonly absent: boolean;
  /** Era of the version that was minted. Default 1. */
  readonly era?: number;
}

/** The source went back in time, as a restore from a backup does. */
export interface RestoreLine {
  readonly type: 'restore';
  readonly atMs: number;
  /** The era that began with it. */
  readonly era: number;
  /** For each key, the counter of the last commit that it kept; the next one goes on from there. */
  readonly kept: Readonly<Record<string, number>>;
}

interface Operation {
  readonly process: string;
  readonly region: string;
  readonly startMs: number;
}

/** A writer is about to write. A killed writer leaves no more than this. */
export interface IntentLine extends Operation {
  readonly type: 'intent';
  readonly write: string;
  /** A key; `*`: the settings; `all`: every key that has a value. */
  readonly key: string;
  readonly kind: string;
}

export interface WriteLine extends Operation {
  readonly type: 'write';
  readonly write: string;
  readonly key: string;
  readonly kind: string;
  readonly via: 'node' | 'sql';
  readonly session?: string;
  readonly endMs: number;
  /** `ok` was acknowledged; the others may have been committed or not. */
  readonly outcome: 'ok' | 'error' | 'hung';
  readonly code?: string;
  /** Versions that the write minted, as `key@era.n`. */
  readonly versions?: readonly string[];
  /** Whether the own region's store took the invalidation before the write was acknowledged. */
  readonly storeTold?: boolean;
}

export interface Value {
  readonly counter: number;
  readonly write: string;
  /** Counter of the settings that every value is made with. */
  readonly settings: number;
}

export interface ReadLine extends Operation {
  readonly type: 'read';
  readonly key: string;
  readonly level: 'eventual' | 'bounded' | 'session' | 'latest';
  /** Asked bound, ms; of bounded reads. */
  readonly boundMs?: number;
  readonly whenUnproven?: string;
  readonly session?: string;
  readonly endMs: number;
  readonly outcome: 'ok' | 'error' | 'hung';
  readonly code?: string;
  readonly value?: Value | null;
  /** As `era.n`. */
  readonly version?: string | null;
  /** Absent for reads of many keys at once, which do not tell. */
  readonly tier?: 'l1' | 'l2' | 'source';
  /** Null: nothing was proven. */
  readonly claimedBoundMs?: number | null;
  readonly why?: string;
}

/** One view of a group: the generation that each member said it belongs to. */
export interface ViewLine extends Operation {
  readonly type: 'view';
  readonly key: string;
  readonly endMs: number;
  readonly members: readonly (string | null)[];
}

export interface FaultLine {
  readonly type: 'fault';
  readonly kind: string;
  readonly target: string;
  readonly startMs: number;
  readonly endMs: number;
  /** What could not reach Postgres: `all` or regions. */
  readonly sourceAway?: 'all' | readonly string[];
  /** Processes that were stopped or killed. */
  readonly processes?: readonly string[];
  /** The region whose store went back to an earlier state. */
  readonly rolledBack?: string;
}

/** What a tier of a region would serve after everything was healed and quiet. */
export interface FinalLine {
  readonly type: 'final';
  readonly region: string;
  readonly process: string;
  readonly tier: 'l1' | 'l2' | 'read';
  readonly key: string;
  readonly value: Value | null;
}

export type HistoryLine =
  | RunLine
  | CommitLine
  | IntentLine
  | WriteLine
  | ReadLine
  | ViewLine
  | RestoreLine
  | FaultLine
  | FinalLine;

/** A history by kinds of lines. */
export interface History {
  readonly run: RunLine;
  readonly commits: readonly CommitLine[];
  readonly intents: readonly IntentLine[];
  readonly writes: readonly WriteLine[];
  readonly reads: readonly ReadLine[];
  readonly views: readonly ViewLine[];
  readonly restores: readonly RestoreLine[];
  readonly faults: readonly FaultLine[];
  readonly finals: readonly FinalLine[];
}

/** The key that stands for the settings, which are part of every value. */
export const SETTINGS_KEY = '*';

/** Sorts lines by kind. @throws Error when there is not exactly one line about the run */
export function toHistory(lines: Iterable<HistoryLine>): History {
  const by: { [Kind in HistoryLine['type']]: Extract<HistoryLine, { type: Kind }>[] } = {
    run: [],
    commit: [],
    intent: [],
    write: [],
    read: [],
    view: [],
    restore: [],
    fault: [],
    final: [],
  };
  for (const line of lines) (by[line.type] as HistoryLine[] | undefined)?.push(line);
  const [run] = by.run;
  if (!run || by.run.length > 1 || run.format !== 1) {
    throw new Error('a history has exactly one line of type "run", with "format": 1');
  }
  return {
    run,
    commits: by.commit,
    intents: by.intent,
    writes: by.write,
    reads: by.read,
    views: by.view,
    restores: by.restore,
    faults: by.fault,
    finals: by.final,
  };
}

/** Parses the text of a history; a last line that a killed process left unfinished is dropped. */
export function parseLines(text: string): HistoryLine[] {
  const lines: HistoryLine[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    try {
      lines.push(JSON.parse(line) as HistoryLine);
    } catch {
      // A process was killed while it wrote.
    }
  }
  return lines;
}
