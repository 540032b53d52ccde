import { type History, type IntentLine, SETTINGS_KEY, type Value } from './history.ts';

interface Commit {
  readonly counter: number;
  readonly write: string;
  readonly absent: boolean;
}

interface Acknowledged {
  readonly counter: number;
  readonly endMs: number;
  /** Highest counter acknowledged up to here. */
  readonly highest: number;
  readonly write: string;
}

/**
 * The order of each key's commits as Postgres logged it, and when each was acknowledged. What a cache
 * calls a version plays no part in it.
 */
export class CommitOrder {
  readonly #commits = new Map<string, Commit[]>();
  readonly #acknowledged = new Map<string, Acknowledged[]>();
  readonly #intents = new Map<string, IntentLine>();
  readonly #counters = new Map<string, number>();

  constructor(history: History) {
    const counters = new Map<string, { key: string; counter: number }[]>();
    for (const { key, counter, write, absent } of history.commits) {
      push(this.#commits, key, { counter, write, absent });
      this.#counters.set(`${key} ${write}`, counter);
      push(counters, write, { key, counter });
    }
    for (const commits of this.#commits.values()) commits.sort((a, b) => a.counter - b.counter);
    for (const intent of history.intents) this.#intents.set(intent.write, intent);
    const unsorted = new Map<string, { counter: number; endMs: number; write: string }[]>();
    for (const { write, outcome, endMs } of history.writes) {
      if (outcome !== 'ok') continue;
      for (const { key, counter } of counters.get(write) ?? []) {
        push(unsorted, key, { counter, endMs, write });
      }
    }
    for (const [key, list] of unsorted) {
      let highest = 0;
      this.#acknowledged.set(
        key,
        list
          .sort((a, b) => a.endMs - b.endMs)
          .map((each) => ({ ...each, highest: (highest = Math.max(highest, each.counter)) })),
      );
    }
  }

  keys(): Iterable<string> {
    return this.#commits.keys();
  }

  last(key: string): Commit | undefined {
    return this.#commits.get(key)?.at(-1);
  }

  at(key: string, counter: number): Commit | undefined {
    return this.#commits.get(key)?.[counter - 1];
  }

  /** Counter of a write on a key; undefined when it was not committed. */
  counterOf(key: string, write: string): number | undefined {
    return this.#counters.get(`${key} ${write}`);
  }

  /** Highest counter of a key that was acknowledged before `beforeMs`; 0 when there was none. */
  acknowledgedBefore(key: string, beforeMs: number): number {
    const list = this.#acknowledged.get(key) ?? [];
    let low = 0;
    let high = list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (list[middle]!.endMs < beforeMs) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? 0 : list[low - 1]!.highest;
  }

  /**
   * The newest state that an answer may have shown: of a value, its own counter; of absence, the newest
   * absence that was begun before the answer came. 0: absence before the first commit.
   */
  newestShown(key: string, value: Value | null, endMs: number): number {
    if (value) return key === SETTINGS_KEY ? value.settings : value.counter;
    const commits = this.#commits.get(key) ?? [];
    const shown = commits.findLast(
      ({ absent, write }) => absent && (this.#intents.get(write)?.startMs ?? 0) <= endMs,
    );
    return shown?.counter ?? 0;
  }

  /** The oldest state not below `floor` that an answer may have shown. */
  oldestShown(key: string, value: Value | null, floor: number): number {
    if (value) return key === SETTINGS_KEY ? value.settings : value.counter;
    const commits = this.#commits.get(key) ?? [];
    for (let at = Math.max(1, floor); at <= commits.length; at += 1) {
      if (commits[at - 1]!.absent) return at;
    }
    return floor;
  }
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
