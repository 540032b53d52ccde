import type { Params, ParamTypes } from '../keyspace/params.ts';
import type { L1Entry } from './l1-entry.ts';

/** Entries that a keyspace keeps at hand; a power of two. A quarter of a megabyte. */
const SLOTS = 16_384;

/**
 * The entries of a keyspace with one integer parameter that were read last, found by that integer: no key is
 * built, hashed or compared. A table with one place for each remainder. It owns nothing: the L1 retires an entry
 * at the moment in which it drops it, and a retired entry is no hit.
 */
export class L1Front {
  readonly #param: string;
  #ids: Float64Array | null = null;
  #entries: (L1Entry | undefined)[] = [];

  constructor(param: string) {
    this.#param = param;
  }

  /** The entry, if it is here and still in L1. */
  get(params: Params<ParamTypes>): L1Entry | undefined {
    const id = params?.[this.#param] as number;
    const slot = id & (SLOTS - 1);
    // NaN stands in places that are empty, and equals nothing.
    if (this.#ids === null || this.#ids[slot] !== id) return undefined;
    const entry = this.#entries[slot];
    return entry !== undefined && entry.live ? entry : undefined;
  }

  put(params: Params<ParamTypes>, entry: L1Entry): void {
    if (this.#ids === null) {
      this.#ids = new Float64Array(SLOTS).fill(Number.NaN);
      this.#entries = Array.from({ length: SLOTS }, () => undefined);
    }
    const id = params[this.#param] as number;
    this.#ids[id & (SLOTS - 1)] = id;
    this.#entries[id & (SLOTS - 1)] = entry;
  }
}
