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
  readonly #keys: AsyncIterable<readonly string[]>;
  readonly #hits: Uint8Array;
  #seen = 0;
  #sum = 0;

  constructor(store: Store, { keys, window = WINDOW }: ShadowReads) {
    this.#store = store;
    this.#keys = keys;
    this.#hits = new Uint8Array(window);
  }

  /** Of the latest reads, 0 to 1; null while too few are known. */
  get hitRate(): number | null {
    const known = Math.min(this.#seen, this.#hits.length);
    return known === 0 || known < this.#hits.length * KNOWN_SHARE ? null : this.#sum / known;
  }

  /** Until the signal, or until there are no more reads; a store that is away is passed over. */
  async follow(signal: AbortSignal, onLook: () => void): Promise<void> {
    const iterator = this.#keys[Symbol.asyncIterator]();
    const stopped = new Promise<null>((resolve) => {
      signal.addEventListener('abort', () => resolve(null), { once: true });
      if (signal.aborted) resolve(null);
    });
    for (;;) {
      const next = await Promise.race([iterator.next(), stopped]);
      if (next === null || next.done) break;
      const page = next.value.slice(0, PAGE_MAX);
      const answer = await readCopies(this.#store, page).catch(() => null);
      if (!answer) continue;
      const misses = new Set(answer.without);
      for (const key of page) this.#count(!misses.has(key));
      onLook();
    }
    // What waits for its next read ends when its owner closes it.
    void Promise.resolve(iterator.return?.()).catch(() => {});
  }

  #count(isHit: boolean): void {
    const at = this.#seen % this.#hits.length;
    this.#sum += Number(isHit) - this.#hits[at]!;
    this.#hits[at] = Number(isHit);
    this.#seen += 1;
  }
}
