import type { ParamType } from '../keyspace/params.ts';

/** A number for each value of a parameter; NaN, which equals nothing, for what has none. */
export interface ParamNumbers {
  /** The number that the value has. */
  of(value: unknown): number;
  /** The same, and gives it one where it has none yet. Only for values that made a key. */
  give(value: unknown): number;
}

/** Texts of one generation; with the one before it, about 2 MB when full. */
const TEXTS_MAX = 16_384;
/** Longer texts have no number: keeping them would cost more memory than it is worth. */
const TEXT_LENGTH_MAX = 128;

const integers: ParamNumbers = {
  of: (value) => (typeof value === 'number' ? value : Number.NaN),
  give: (value) => value as number,
};

const truths: ParamNumbers = {
  of: (value) => (value === true ? 1 : value === false ? 0 : Number.NaN),
  give: (value) => (value === true ? 1 : 0),
};

/** Numbers texts as they come; one that was forgotten gets a new number, so that none ever stands for two texts. */
class Texts implements ParamNumbers {
  #young = new Map<unknown, number>();
  #old = new Map<unknown, number>();
  #last = 0;

  of(value: unknown): number {
    const known = this.#young.get(value);
    return known !== undefined ? known : this.#recall(value);
  }

  give(value: unknown): number {
    const known = this.of(value);
    if (!Number.isNaN(known)) return known;
    if ((value as string).length > TEXT_LENGTH_MAX) return Number.NaN;
    this.#last += 1;
    this.#keep(value, this.#last);
    return this.#last;
  }

  #recall(value: unknown): number {
    const known = this.#old.get(value);
    if (known === undefined) return Number.NaN;
    this.#keep(value, known);
    return known;
  }

  /** The older generation is dropped when the younger one is full. */
  #keep(value: unknown, number: number): void {
    if (this.#young.size >= TEXTS_MAX) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(value, number);
  }
}

export function paramNumbers(type: ParamType): ParamNumbers {
  if (type === 'int') return integers;
  return type === 'boolean' ? truths : new Texts();
}
