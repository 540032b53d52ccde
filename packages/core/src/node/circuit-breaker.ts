import { ConfigurationError } from '../ports/errors.ts';
import { type Duration, durationMs } from '../keyspace/duration.ts';

/** When something that fails is left alone for a while, so that nobody waits for it in vain. */
export interface BreakerOptions {
  /** Failures in a row that open the circuit. */
  readonly failures: number;
  /** How long it stays open before one call may probe; doubles with each probe that fails, up to 30 times. */
  readonly resetAfter: Duration;
}

export interface BreakerRule {
  readonly failures: number;
  readonly resetAfterMs: number;
}

const OPEN_FACTOR_MAX = 30;

/** @throws ConfigurationError naming the option that is wrong */
export function breakerRule(
  options: BreakerOptions | false | undefined,
  name: string,
  byDefault: BreakerRule,
): BreakerRule | null {
  if (options === false) return null;
  if (options === undefined) return byDefault;
  const resetAfterMs = durationMs(options.resetAfter, `${name}.resetAfter`);
  if (!Number.isInteger(options.failures) || options.failures < 1 || resetAfterMs < 1) {
    throw new ConfigurationError(`${name}: failures must be a whole number from 1, resetAfter at least 1 ms`);
  }
  return { failures: options.failures, resetAfterMs };
}

/**
 * A circuit breaker (Nygard: Release It!) on somebody else's clock. Closed: calls go through, failures in a row
 * are counted. Open: none goes through. After a while one may: the probe. Its success closes the circuit, its
 * failure opens it for twice as long.
 *
 * A probe that never reports is given up after the time that the circuit was open, so that it can't stay
 * half-open for ever.
 */
export class CircuitBreaker {
  readonly #rule: BreakerRule | null;
  #failures = 0;
  #openMs = 0;
  #probeFromMs = Number.NEGATIVE_INFINITY;
  #probing = false;

  /** @param rule null for one that never opens */
  constructor(rule: BreakerRule | null) {
    this.#rule = rule;
  }

  get isClosed(): boolean {
    return this.#openMs === 0;
  }

  /** Whether a call would not go through now. Changes nothing. */
  refuses(nowMs: number): boolean {
    return this.#openMs > 0 && nowMs < this.#probeFromMs;
  }

  /** Whether a call may go through now. While half-open: true for one caller, who must report. */
  allows(nowMs: number): boolean {
    if (this.refuses(nowMs)) return false;
    if (this.#openMs === 0) return true;
    this.#probing = true;
    this.#probeFromMs = nowMs + this.#openMs;
    return true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#openMs = 0;
    this.#probing = false;
  }

  /** @returns true when this failure opened the circuit, or keeps it open after a probe */
  failed(nowMs: number): boolean {
    if (!this.#rule) return false;
    this.#failures += 1;
    const { failures, resetAfterMs } = this.#rule;
    if (this.#openMs === 0) {
      if (this.#failures < failures) return false;
      this.#openMs = resetAfterMs;
    } else {
      // Calls that were under way when it opened are no news.
      if (!this.#probing) return false;
      this.#openMs = Math.min(this.#openMs * 2, resetAfterMs * OPEN_FACTOR_MAX);
    }
    this.#probing = false;
    this.#probeFromMs = nowMs + this.#openMs;
    return true;
  }
}
