/** Relay lives remembered per stream; the longest unheard is forgotten first. */
const LIVES_MAX = 16;

/**
 * Follows the dense numbers of relays on one stream, and tells whether a barrier speaks to a reader
 * that saw everything between it and the barrier before.
 */
export class RelayChain {
  readonly #lives = new Map<string, { seq: number; whole: boolean }>();

  /**
   * Notes a message of a relay's life.
   *
   * @returns `duplicate` when it was seen before; else whether nothing is missing since that life's
   * last barrier (or since its start)
   */
  note(life: string, seq: number, isBarrier: boolean): 'whole' | 'hole' | 'duplicate' {
    const known = this.#lives.get(life);
    if (known && seq <= known.seq) return 'duplicate';
    const whole = known ? known.whole && seq === known.seq + 1 : seq === 1;
    this.#lives.delete(life);
    // After a barrier the next one is whole again: its `from` tells what came before it.
    this.#lives.set(life, { seq, whole: whole || isBarrier });
    if (this.#lives.size > LIVES_MAX) this.#lives.delete(this.#lives.keys().next().value!);
    return whole ? 'whole' : 'hole';
  }

  /** Notes a message that can't be read: it may carry changes, so the next barrier does not count. */
  skip(life: string, seq: number): void {
    if (this.note(life, seq, false) !== 'duplicate') this.#lives.get(life)!.whole = false;
  }

  /** Something of this stream may be missing: no barrier counts until the next but one. */
  break(): void {
    for (const life of this.#lives.values()) life.whole = false;
  }
}
