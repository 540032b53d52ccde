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
  /** The region whose store lost everything. */
  readonly emptied?: string;
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

/** One read of the source for a fill. */
export interface LoadLine extends Operation {
  readonly type: 'load';
  readonly key: string;
  readonly endMs: number;
  /** The token of the lease that it is done under; null: without one. */
  readonly lease: string | null;
  /** A replica was asked. It may be refused, and the primary asked under the same lease. */
  readonly replica?: boolean;
}

/** Something that happened at one instant. */
interface Moment {
  readonly atMs: number;
}

/** A region's store granted a lease, or granted it to the same token again. */
export interface LeaseLine extends Moment {
  readonly type: 'lease';
  readonly region: string;
  readonly process: string;
  readonly key: string;
  readonly token: string;
  /** When it ends by itself. */
  readonly untilMs: number;
}

/** A lease ended before its time, for whatever reason: given back, filled under, dropped by its store. */
export interface LeaseEndLine extends Moment {
  readonly type: 'lease-end';
  readonly region: string;
  readonly key: string;
  readonly token: string;
}

/** A region's store acknowledged that a key has this version. */
export interface ToldLine extends Moment {
  readonly type: 'told';
  readonly region: string;
  readonly process: string;
  readonly key: string;
  /** As `era.n`. */
  readonly version: string;
  /** Life of the store: another name after it lost something. */
  readonly store: string;
}

/** A store's answer held a value that it calls fresh. */
export interface ServedLine extends Moment {
  readonly type: 'served';
  readonly region: string;
  readonly process: string;
  readonly key: string;
  /** As `era.n`. */
  readonly version: string;
  readonly store: string;
}

/** Something that never goes back within a life of its store, as it was then: a horizon, an epoch, an era. */
export interface LevelLine extends Moment {
  readonly type: 'level';
  readonly region: string;
  readonly store: string;
  readonly what: string;
  /** As `era.n`, or one number. */
  readonly value: string | number;
}

/** How full something bounded was. */
export interface SizeLine extends Moment {
  readonly type: 'size';
  readonly region: string;
  readonly process: string;
  readonly what: string;
  readonly count: number;
  readonly max: number;
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
  | FinalLine
  | LoadLine
  | LeaseLine
  | LeaseEndLine
  | ToldLine
  | ServedLine
  | LevelLine
  | SizeLine;

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
  readonly loads: readonly LoadLine[];
  readonly leases: readonly LeaseLine[];
  readonly leaseEnds: readonly LeaseEndLine[];
  readonly told: readonly ToldLine[];
  readonly served: readonly ServedLine[];
  readonly levels: readonly LevelLine[];
  readonly sizes: readonly SizeLine[];
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
    load: [],
    lease: [],
    'lease-end': [],
    told: [],
    served: [],
    level: [],
    size: [],
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
    loads: by.load,
    leases: by.lease,
    leaseEnds: by['lease-end'],
    told: by.told,
    served: by.served,
    levels: by.level,
    sizes: by.size,
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
