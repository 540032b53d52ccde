/** What happened in runs: faults that took effect, refusals, and states of the protocol. */
export class Coverage {
  /** Requests to servers. */
  calls = 0;
  readonly #counts = new Map<string, number>();

  /** Something worth counting happened. */
  note(name: string, count = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
  }

  count(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  entries(): IterableIterator<[name: string, count: number]> {
    return this.#counts.entries();
  }
}
