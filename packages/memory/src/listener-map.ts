/** Listeners by name; who listens now hears, nothing is kept. */
export class ListenerMap {
  readonly #listeners = new Map<string, Set<() => void>>();

  /** Returns what ends it. */
  add(name: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(name) === listeners) this.#listeners.delete(name);
    };
  }

  emit(name: string): void {
    for (const listener of this.#listeners.get(name) ?? []) listener();
  }
}
