import type { Era, Eras, State } from './eras.ts';
import type { Value } from './history.ts';

interface Floor {
  readonly counter: number;
  readonly because: string;
}

/** What an answer lacked. */
export interface Lack {
  /** Counter that it showed. */
  readonly shown: number;
  /** Counter that was known; null: it shows what a restore had undone before what was known came to be. */
  readonly floor: number | null;
  readonly because: string;
}

/** The newest states of one key that somebody knew, in each era. What a restore undid counts in its own era only. */
export class Known {
  readonly #eras: Eras;
  readonly #key: string;
  readonly #floors: (Floor | undefined)[] = [];
  /** The newest era of which something was known that is in none before. */
  #since = 0;
  #because = '';

  constructor(eras: Eras, key: string) {
    this.#eras = eras;
    this.#key = key;
  }

  learn({ counter, first, last }: State, because: string): void {
    for (let place = first; place <= last; place += 1) {
      if (counter > this.floorIn(place)) this.#floors[place] = { counter, because };
    }
    if (first <= this.#since) return;
    this.#since = first;
    this.#because = because;
  }

  /** Highest counter known in an era; 0: nothing. */
  floorIn(place: number): number {
    return this.#floors[place]?.counter ?? 0;
  }

  /** What an answer that came at `endMs` lacks; null when it is right in any era that had begun, or of none. */
  lackOf(value: Value | null, endMs: number): Lack | null {
    const known = (era: Era): boolean => era.startMs <= endMs && era.order.has(this.#key, value);
    let lack: Lack | null = null;
    for (let place = this.#eras.all.length - 1; place >= 0; place -= 1) {
      const era = this.#eras.all[place]!;
      if (!known(era)) continue;
      const shown = era.order.newestShown(this.#key, value, endMs);
      if (place < this.#since) return lack ?? { shown, floor: null, because: this.#because };
      const floor = this.#floors[place];
      if (!floor || shown >= floor.counter) return null;
      lack ??= { shown, floor: floor.counter, because: floor.because };
    }
    return lack;
  }
}
