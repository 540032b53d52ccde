/** Keeps the last `max` of what is added. */
export class Ring<T> {
  readonly #max: number;
  #items: T[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  add(item: T): void {
    this.#items.push(item);
    // In blocks: moving everything for each one would cost more than all the rest.
    if (this.#items.length >= 2 * this.#max) this.#items = this.#items.slice(-this.#max);
  }

  /** Oldest first. */
  all(): readonly T[] {
    return this.#items.slice(-this.#max);
  }
}
