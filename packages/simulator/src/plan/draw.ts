import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { mix } from '../kernel/chance.ts';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Draws the parts of a plan, one after the other. */
export class Draw {
  readonly #generator: ReturnType<typeof xoroshiro128plus>;

  constructor(seed: number) {
    this.#generator = xoroshiro128plus(mix(seed + 1));
  }

  unit(): number {
    return uniformFloat64(this.#generator);
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  between(from: number, to: number): number {
    return from + this.unit() * (to - from);
  }

  integer(from: number, to: number): number {
    return from + Math.floor(this.unit() * (to - from + 1));
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.unit() * items.length)]!;
  }

  /** The usual value, or, now and then, one of the others. */
  mostly<T>(usual: T, others: readonly T[], odd = 0.35): T {
    return this.chance(odd) ? this.pick(others) : usual;
  }
}
