import type { BusMessage } from '@tidemark/core';

/** A bounded log of messages, numbered from 1. */
export class MemoryStream {
  readonly #max: number;
  readonly #listeners = new Set<() => void>();
  #messages: BusMessage[] = [];
  #first = 1;

  constructor(max: number) {
    this.#max = max;
  }

  /** Number of the next message. */
  get end(): number {
    return this.#first + this.#messages.length;
  }

  append(message: BusMessage): void {
    this.#messages.push(message);
    // In blocks, so that dropping the oldest costs little.
    if (this.#messages.length > this.#max * 1.25) {
      const drop = this.#messages.length - this.#max;
      this.#messages = this.#messages.slice(drop);
      this.#first += drop;
    }
    for (const listener of this.#listeners) listener();
  }

  /** The message, `gone` when it was dropped, or null when it is not there yet. */
  at(seq: number): BusMessage | 'gone' | null {
    if (seq < this.#first) return 'gone';
    return this.#messages[seq - this.#first] ?? null;
  }

  get first(): number {
    return this.#first;
  }

  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
