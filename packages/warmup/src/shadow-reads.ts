import type { Store } from '@tidemark/core';
import { readCopies } from './read-copies.ts';

/** Reads of live traffic, wherever it goes now. */
export interface ShadowReads {
  /** Keys as they are read, in pages. */
  readonly keys: AsyncIterable<readonly string[]>;
  /** The hit rate is that of the latest so many. Default 1,000. */
  readonly window?: number;
}

const WINDOW = 1_000;
/** Of the window, so much must have been seen before anything is said. */
const KNOWN_SHARE = 0.1;
/** Keys of one page that are looked up; of a busy log the others are passed over. */
const PAGE_MAX = 500;

/** Looks up in a region what is read elsewhere, as its own readers would, and serves nobody. */
export class Shadow {
  readonly #store: Store;
  readonly #reads: AsyncIterable<readonly string[]>;
  readonly #window: number;
  /** The latest reads, and whether each would have been a hit. */
  readonly #keys: string[] = [];
  readonly #hits: boolean[] = [];
  #seen = 0;
  #ended = false;
  #onKnown: () => void = () => {};

  constructor(store: Store, { keys, window = WINDOW }: ShadowReads) {
    this.#store = store;
    this.#reads = keys;
    this.#window = window;
  }

  /** Of the latest reads, 0 to 1; null while too few are known. */
  get hitRate(): number | null {
    const known = this.#hits.length;
    if (known === 0 || known < this.#window * KNOWN_SHARE) return null;
    return this.#hits.filter(Boolean).length / known;
  }

  /** Until the signal, or until there are no more reads; a store that is away is passed over. */
  async follow(signal: AbortSignal, onLook: () => void): Promise<void> {
    const iterator = this.#reads[Symbol.asyncIterator]();
    const stopped = new Promise<null>((resolve) => {
      signal.addEventListener('abort', () => resolve(null), { once: true });
      if (signal.aborted) resolve(null);
    });
    try {
      for (;;) {
        const next = await Promise.race([iterator.next(), stopped]);
        if (next === null || next.done) break;
        const page = next.value.slice(0, PAGE_MAX);
        const misses = await this.#misses(page);
        if (!misses) continue;
        for (const key of page) this.#note(key, !misses.has(key));
        if (this.hitRate !== null) this.#onKnown();
        onLook();
      }
    } finally {
      this.#ended = true;
      this.#onKnown();
    }
    // What waits for its next read ends when its owner closes it.
    void Promise.resolve(iterator.return?.()).catch(() => {});
  }

  /**
   * Looks at the latest reads once more, now that all is filled: most of them were looked at before. Waits for as many
   * as say something, for as long as there may be more.
   */
  async conclude(signal: AbortSignal): Promise<void> {
    if (this.hitRate === null && !this.#ended && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#onKnown = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    const keys = [...this.#keys];
    for (let at = 0; at < keys.length && !signal.aborted; at += PAGE_MAX) {
      const page = keys.slice(at, at + PAGE_MAX);
      const misses = await this.#misses(page);
      page.forEach((key, i) => {
        if (misses && this.#keys[at + i] === key) this.#hits[at + i] = !misses.has(key);
      });
    }
  }

  /** Null while the store is away. */
  async #misses(page: readonly string[]): Promise<ReadonlySet<string> | null> {
    const answer = await readCopies(this.#store, page).catch(() => null);
    return answer && new Set(answer.without);
  }

  #note(key: string, isHit: boolean): void {
    const at = this.#seen % this.#window;
    this.#keys[at] = key;
    this.#hits[at] = isHit;
    this.#seen += 1;
  }
}
