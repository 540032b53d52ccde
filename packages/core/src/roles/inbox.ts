/** A bounded queue between streams and one worker; a full one makes its writers wait. */
export class Inbox<T> {
  readonly #max: number;
  #items: T[] = [];
  #room: (() => void)[] = [];
  #onItem: () => void;

  constructor(max: number, onItem: () => void) {
    this.#max = max;
    this.#onItem = onItem;
  }

  get size(): number {
    return this.#items.length;
  }

  /** Resolves when there is room for more. */
  push(item: T): Promise<void> | void {
    this.#items.push(item);
    this.#onItem();
    if (this.#items.length < this.#max) return;
    return new Promise((resolve) => this.#room.push(resolve));
  }

  /** Everything that waits, and makes room. */
  drain(): T[] {
    const items = this.#items;
    this.#items = [];
    const room = this.#room;
    this.#room = [];
    for (const resolve of room) resolve();
    return items;
  }
}
