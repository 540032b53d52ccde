import { performance } from 'node:perf_hooks';

/**
 * Redis' clock, read off this process' monotonic clock: ages are judged by the clock that stamped
 * them, without asking for it on every read.
 */
export class StoreClock {
  #offsetMs: number | null = null;

  get isSet(): boolean {
    return this.#offsetMs !== null;
  }

  nowMs(): number {
    return performance.now() + (this.#offsetMs ?? 0);
  }

  /** Takes Redis' time, asked for at `askedAtMs` on the monotonic clock and answered now. */
  set(seconds: number, microseconds: number, askedAtMs: number): void {
    const middleMs = (askedAtMs + performance.now()) / 2;
    this.#offsetMs = seconds * 1_000 + microseconds / 1_000 - middleMs;
  }
}
