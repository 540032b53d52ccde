import { CommitOrder, type WriteTimes } from './commit-order.ts';
import { type CommitLine, type History, type RestoreLine, SETTINGS_KEY, type Value } from './history.ts';

/** What the source remembered from one restore to the next. */
export interface Era {
  /** How many restores came before. */
  readonly place: number;
  /** Its number. */
  readonly era: number;
  /** From when to when this was the source's present. */
  readonly startMs: number;
  readonly endMs: number;
  /** The commits that were kept, then its own. */
  readonly order: CommitOrder;
}

/** A state of a key, and the eras that it is part of: all from the first to the last. */
export interface State {
  readonly counter: number;
  readonly first: number;
  readonly last: number;
}

/**
 * Restores split a run into eras. What one undid happened in the era before it and in none after. Counters
 * order the states of one era; states without a common era have no order, but that of their eras.
 */
export class Eras {
  readonly all: readonly Era[];
  readonly #times: WriteTimes;

  constructor(history: History) {
    const restores = history.restores.toSorted((a, b) => a.era - b.era);
    this.#times = timesOf(history);
    this.all = timelines(history.commits, restores).map((commits, place) => ({
      place,
      era: restores[place - 1]?.era ?? 1,
      startMs: restores[place - 1]?.atMs ?? Number.NEGATIVE_INFINITY,
      endMs: restores[place]?.atMs ?? Number.POSITIVE_INFINITY,
      order: new CommitOrder(commits, this.#times),
    }));
  }

  get last(): Era {
    return this.all.at(-1)!;
  }

  /** Those that were the present at some moment of this time, the newest last. */
  between(fromMs: number, toMs: number): readonly Era[] {
    if (this.all.length === 1) return this.all;
    return this.all.filter(({ startMs, endMs }) => startMs <= toMs && endMs >= fromMs);
  }

  /** The one that this number belongs to. */
  numbered(era: number): Era {
    return this.all.findLast((each) => each.era <= era) ?? this.all[0]!;
  }

  /** When a write was begun; undefined when nobody said so. */
  begunMs(write: string): number | undefined {
    return this.#times.begun.get(write);
  }

  /** The state that a write made of a key; undefined when it was not committed. */
  made(key: string, write: string): State | undefined {
    let state: { counter: number; first: number; last: number } | undefined;
    for (const { order, place } of this.all) {
      const counter = order.counterOf(key, write);
      if (counter === undefined) continue;
      if (state) state.last = place;
      else state = { counter, first: place, last: place };
    }
    return state;
  }

  /**
   * The state that whoever got this answer knows from then on: of absence, the oldest that it may have been, not
   * below a floor that was known before. Undefined when eras disagree, and for absence before the first commit.
   */
  shown(key: string, value: Value | null, endMs: number, floorOf: (era: Era) => number): State | undefined {
    if (value && key !== SETTINGS_KEY) return this.made(key, value.write);
    let write: string | undefined;
    for (const era of this.all) {
      if (era.startMs > endMs || !era.order.has(key, value)) continue;
      const commit = era.order.at(key, era.order.oldestShown(key, value, floorOf(era)));
      if (!commit || (write !== undefined && write !== commit.write)) return undefined;
      write = commit.write;
    }
    return write === undefined ? undefined : this.made(key, write);
  }

  /** The restore that undid what an answer shows; undefined when none did. */
  undoneBy(key: string, value: Value | null): Era | undefined {
    if (value === null || key === SETTINGS_KEY) return undefined;
    const newest = this.all.findLast(({ order }) => order.has(key, value));
    return newest && this.all[newest.place + 1];
  }
}

function timesOf({ intents, writes }: History): WriteTimes {
  const begun = new Map<string, number>();
  for (const { write, startMs } of intents) begun.set(write, startMs);
  const acknowledged = new Map<string, number>();
  for (const { write, outcome, endMs } of writes) if (outcome === 'ok') acknowledged.set(write, endMs);
  return { begun, acknowledged };
}

/** What the source remembered in each era: before the first restore, after it, and so on. */
function timelines(
  commits: readonly CommitLine[],
  restores: readonly RestoreLine[],
): readonly (readonly CommitLine[])[] {
  if (restores.length === 0) return [commits];
  const own: CommitLine[][] = Array.from({ length: restores.length + 1 }, () => []);
  for (const commit of commits) {
    const era = commit.era ?? 1;
    own[restores.filter((each) => each.era <= era).length]!.push(commit);
  }
  const lines: CommitLine[][] = [own[0]!];
  restores.forEach(({ kept }, at) => {
    const before = lines[at]!.filter(({ key, counter }) => counter <= (kept[key] ?? 0));
    lines.push([...before, ...own[at + 1]!]);
  });
  return lines;
}
