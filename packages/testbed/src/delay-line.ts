/** Hands items on in the order they came, each after the delay that held when it came. */
export class DelayLine<T> {
  readonly #deliver: (item: T) => void;
  #items: { readonly item: T; readonly dueMs: number }[] = [];
  #timer: NodeJS.Timeout | null = null;
  #lastDueMs = 0;

  constructor(deliver: (item: T) => void) {
    this.#deliver = deliver;
  }

  /** `delayMs` may differ from item to item; a shorter one does not overtake. */
  push(item: T, delayMs: number): void {
    const nowMs = performance.now();
    this.#lastDueMs = Math.max(this.#lastDueMs, nowMs + delayMs);
    if (this.#items.length === 0 && this.#lastDueMs <= nowMs) {
      this.#deliver(item);
      return;
    }
    this.#items.push({ item, dueMs: this.#lastDueMs });
    this.#timer ??= this.#wait();
  }

  /** Forgets everything under way. */
  clear(): void {
    this.#items = [];
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#lastDueMs = 0;
  }

  #wait(): NodeJS.Timeout {
    // Timers fire up to a millisecond early; rounding up keeps the delay a lower bound.
    return setTimeout(() => this.#flush(), Math.ceil(this.#items[0]!.dueMs - performance.now()));
  }

  #flush(): void {
    this.#timer = null;
    const nowMs = performance.now();
    const firstLater = this.#items.findIndex(({ dueMs }) => dueMs > nowMs);
    const due = this.#items.splice(0, firstLater === -1 ? this.#items.length : firstLater);
    for (const { item } of due) this.#deliver(item);
    if (this.#items.length > 0) this.#timer ??= this.#wait();
  }
}
