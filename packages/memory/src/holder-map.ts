interface Held {
  readonly holder: string;
  readonly untilMs: number;
}

/** Leases: at most one holder each, until they expire. Over the limit the oldest is lost. */
export class HolderMap {
  readonly #max: number;
  readonly #held = new Map<string, Held>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Takes or renews a lease; false when another has it. */
  take(name: string, holder: string, nowMs: number, ttlMs: number): boolean {
    const held = this.#held.get(name);
    if (held && held.untilMs > nowMs && held.holder !== holder) return false;
    this.#held.delete(name);
    this.#held.set(name, { holder, untilMs: nowMs + ttlMs });
    if (this.#held.size > this.#max) this.#held.delete(this.#held.keys().next().value!);
    return true;
  }

  holds(name: string, holder: string, nowMs: number): boolean {
    const held = this.#held.get(name);
    return held !== undefined && held.holder === holder && held.untilMs > nowMs;
  }

  /** Gives a lease back, if it is still the holder's; returns whether it was. */
  give(name: string, holder: string): boolean {
    return this.#held.get(name)?.holder === holder && this.#held.delete(name);
  }

  /** Takes a lease away from whoever has it; returns whether anybody had. */
  void(name: string): boolean {
    return this.#held.delete(name);
  }

  clear(): void {
    this.#held.clear();
  }

  copy(): HolderMap {
    const copy = new HolderMap(this.#max);
    for (const [name, held] of this.#held) copy.#held.set(name, held);
    return copy;
  }
}
