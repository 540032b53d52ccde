/** How long something that did not answer is left alone, ms: who waits for it holds up all other checks. */
const ALONE_MS = 2_000;

/** Asks what answers, and leaves alone for a while what did not. */
export class Patience {
  readonly #monoMs: () => number;
  #awayUntilMs = Number.NEGATIVE_INFINITY;

  constructor(monoMs: () => number) {
    this.#monoMs = monoMs;
  }

  /** Null while it is left alone, and when it fails: whatever asks it must be able to go on without. */
  async ask<T>(work: () => Promise<T>): Promise<T | null> {
    if (this.#monoMs() < this.#awayUntilMs) return null;
    try {
      return await work();
    } catch {
      this.#awayUntilMs = this.#monoMs() + ALONE_MS;
      return null;
    }
  }
}
