/**
 * Redis' clock, read off this process' monotonic clock: ages are judged by the clock that stamped
 * them, without asking for it on every read.
 */
export class StoreClock {
  #offsetMs: number | null = null;

  get isSet(): boolean {
    return this.#offsetMs !== null;
  }

  /** Before it was set, the best guess is the wall clock of this machine. */
  nowMs(): number {
    return performance.now() + (this.#offsetMs ?? performance.timeOrigin);
  }

  /** Takes Redis' time, asked for at `askedAtMs` on the monotonic clock and answered now. */
  set(seconds: number, microseconds: number, askedAtMs: number): void {
    const middleMs = (askedAtMs + performance.now()) / 2;
    this.#offsetMs = seconds * 1_000 + microseconds / 1_000 - middleMs;
  }
}
