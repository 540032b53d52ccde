import type { Params, ParamTypes } from '../keyspace/params.ts';
import type { L1Entry } from './l1-entry.ts';
import { type ParamNumbers, paramNumbers } from './param-numbers.ts';

/** Entries that a keyspace keeps at hand; a power of two. A quarter of a megabyte with one parameter, */
const SLOTS = 16_384;
/** and three quarters with two, which are spread by chance: a table that is full to a third hardly has collisions. */
const SLOTS_OF_MANY = 32_768;
/** Places that are looked at for one entry. */
const PLACES = 4;
/** Spreads combinations of numbers; odd, so that none is lost. */
const SPREAD = 0x9e3779b1;

/**
 * The entries of a keyspace that were read last, found by the numbers of their parameters: no key is built, hashed
 * or compared. A table of fixed size. It owns nothing: the L1 retires an entry at the moment in which it drops it,
 * and a retired entry is no hit.
 */
export class L1Front {
  readonly #names: readonly string[];
  readonly #numbers: readonly ParamNumbers[];
  /** The numbers that are looked for. */
  readonly #asked: Float64Array;
  readonly #mask: number;
  #known: Float64Array | null = null;
  #entries: (L1Entry | undefined)[] = [];

  constructor(types: ParamTypes) {
    this.#names = Object.keys(types);
    this.#numbers = Object.values(types).map(paramNumbers);
    this.#asked = new Float64Array(this.#names.length);
    this.#mask = (this.#names.length === 1 ? SLOTS : SLOTS_OF_MANY) - 1;
  }

  /** The entry, if it is here and still in L1. */
  get(params: Params<ParamTypes>): L1Entry | undefined {
    const known = this.#known;
    if (known === null) return undefined;
    const asked = this.#asked;
    let first = 0;
    for (let i = 0; i < asked.length; i += 1) {
      const number = this.#numbers[i]!.of(params?.[this.#names[i]!]);
      asked[i] = number;
      first = spread(first, number);
    }
    for (let place = 0; place < PLACES; place += 1) {
      const slot = (first + place) & this.#mask;
      let i = 0;
      while (i < asked.length && known[slot * asked.length + i] === asked[i]) i += 1;
      if (i < asked.length) continue;
      const entry = this.#entries[slot];
      return entry !== undefined && entry.value !== undefined ? entry : undefined;
    }
    return undefined;
  }

  put(params: Params<ParamTypes>, entry: L1Entry): void {
    const asked = this.#numbers.map((each, i) => each.give(params[this.#names[i]!]));
    if (asked.some(Number.isNaN)) return;
    const known = (this.#known ??= this.#open());
    const slot = this.#slotFor(known, asked);
    known.set(asked, slot * asked.length);
    this.#entries[slot] = entry;
  }

  #open(): Float64Array {
    this.#entries = Array.from({ length: this.#mask + 1 }, () => undefined);
    return new Float64Array((this.#mask + 1) * this.#names.length).fill(Number.NaN);
  }

  /** Its own place, else one that is free, else the first. */
  #slotFor(known: Float64Array, asked: readonly number[]): number {
    const first = asked.reduce(spread, 0);
    const slots = Array.from({ length: PLACES }, (_, place) => (first + place) & this.#mask);
    return (
      slots.find((slot) => asked.every((number, i) => known[slot * asked.length + i] === number)) ??
      slots.find((slot) => this.#entries[slot]?.value === undefined) ??
      slots[0]!
    );
  }
}

function spread(before: number, number: number): number {
  return (Math.imul(before, SPREAD) + number) | 0;
}
