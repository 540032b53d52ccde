import { type CommitLine, SETTINGS_KEY, type Value } from './history.ts';
import { ranks, type Ranked, upTo } from './ranks.ts';

/** One state of a key: what a commit left. */
export interface Commit {
  readonly counter: number;
  readonly write: string;
  readonly absent: boolean;
}

/** What is known of writes beside what they committed. */
export interface WriteTimes {
  /** When each write was begun. */
  readonly begun: ReadonlyMap<string, number>;
  /** When each write was acknowledged that was. */
  readonly acknowledged: ReadonlyMap<string, number>;
}

interface KeyOrder {
  readonly commits: Commit[];
  /** Made when they are first asked for. */
  counters: Map<string, number> | null;
  acknowledged: Ranked | null;
  absences: Ranked | null;
}

/**
 * The order of each key's commits as the source logged it, within one era of it, and when each was
 * acknowledged. What a cache calls a version plays no part in it.
 */
export class CommitOrder {
  readonly #keys = new Map<string, KeyOrder>();
  readonly #times: WriteTimes;

  constructor(commits: readonly CommitLine[], times: WriteTimes) {
    this.#times = times;
    for (const commit of commits) {
      const order = this.#keys.get(commit.key);
      if (order) order.commits.push(commit);
      else
        this.#keys.set(commit.key, { commits: [commit], counters: null, acknowledged: null, absences: null });
    }
    for (const { commits: list } of this.#keys.values()) list.sort((a, b) => a.counter - b.counter);
  }

  keys(): Iterable<string> {
    return this.#keys.keys();
  }

  /** The key's commits, in order. */
  of(key: string): readonly Commit[] {
    return this.#keys.get(key)?.commits ?? [];
  }

  last(key: string): Commit | undefined {
    return this.#keys.get(key)?.commits.at(-1);
  }

  at(key: string, counter: number): Commit | undefined {
    const commit = this.#keys.get(key)?.commits[counter - 1];
    return commit?.counter === counter ? commit : undefined;
  }

  /** Counter of a write on a key; undefined when it was not committed. */
  counterOf(key: string, write: string): number | undefined {
    const order = this.#keys.get(key);
    if (!order) return undefined;
    order.counters ??= new Map(order.commits.map((commit) => [commit.write, commit.counter]));
    return order.counters.get(write);
  }

  /** Whether an answer shows a state of the key; a value tells only the counter of its settings. */
  has(key: string, value: Value | null): boolean {
    if (value === null) return true;
    if (key === SETTINGS_KEY) return value.settings === 0 || this.at(key, value.settings) !== undefined;
    return this.at(key, value.counter)?.write === value.write;
  }

  /** Highest counter of a key that was acknowledged before `beforeMs`; 0 when there was none. */
  acknowledgedBefore(key: string, beforeMs: number): number {
    const order = this.#keys.get(key);
    if (!order) return 0;
    const { acknowledged } = this.#times;
    order.acknowledged ??= ranks(order.commits, ({ write }) => acknowledged.get(write));
    return upTo(order.acknowledged, beforeMs, false);
  }

  /**
   * The newest state that an answer may have shown: of a value, its own counter; of absence, the newest
   * absence that was begun before the answer came. 0: absence before the first commit.
   */
  newestShown(key: string, value: Value | null, endMs: number): number {
    if (value) return key === SETTINGS_KEY ? value.settings : value.counter;
    const order = this.#keys.get(key);
    return order ? upTo(this.#absences(order), endMs, true) : 0;
  }

  /**
   * The oldest state not below `floor` that an answer may have shown. 0: absence before the first commit,
   * unless that was there before the run: nobody began it.
   */
  oldestShown(key: string, value: Value | null, floor: number): number {
    if (value) return key === SETTINGS_KEY ? value.settings : value.counter;
    const order = this.#keys.get(key);
    if (!order) return floor;
    if (floor === 0 && this.#times.begun.has(order.commits[0]!.write)) return 0;
    const { counters } = this.#absences(order);
    let low = 0;
    let high = counters.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (counters[middle]! < Math.max(1, floor)) low = middle + 1;
      else high = middle;
    }
    return counters[low] ?? floor;
  }

  #absences(order: KeyOrder): Ranked {
    const { begun } = this.#times;
    return (order.absences ??= ranks(order.commits, ({ absent, write }) =>
      absent ? (begun.get(write) ?? 0) : undefined,
    ));
  }
}
