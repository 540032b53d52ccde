/** So many units a second, as they come; what is not used within a second is gone. */
export class Budget {
  readonly #perSecond: number;
  #left: number;
  #atMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#left = perSecond;
    this.#atMs = nowMs;
  }

  /** Whole units that may be spent now. */
  left(nowMs: number): number {
    const more = (Math.max(0, nowMs - this.#atMs) / 1_000) * this.#perSecond;
    this.#left = Math.min(this.#perSecond, this.#left + more);
    this.#atMs = nowMs;
    return Math.floor(this.#left);
  }

  spend(units: number): void {
    this.#left -= units;
  }

  /** Spends one, if there is one. */
  take(nowMs: number): boolean {
    if (this.left(nowMs) < 1) return false;
    this.spend(1);
    return true;
  }
}
