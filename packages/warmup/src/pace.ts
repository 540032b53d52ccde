/** How fast a warm-up may go. All rates are in keys a second. */
export interface PaceRule {
  /** The budget: never more than this. */
  readonly rateMax: number;
  /** Backs off when a batch takes longer than this many times what batches took when all was well. */
  readonly slowdownMax: number;
}

/** What a warm-up knows of how it goes; see `paced` and `learned`. */
export interface Pace {
  /** Now allowed. */
  readonly rate: number;
  /** When the next key may go, ms on the caller's clock. */
  readonly nextAtMs: number;
  /** What a batch takes when all is well, ms; null before the first. */
  readonly usualMs: number | null;
}

const BACK_OFF = 0.5;
const RECOVER_SHARE = 0.05;
const RATE_MIN_SHARE = 0.05;
/** A slower one is no news while it is as short as this, ms. */
const SLACK_MS = 5;
/** So much of a slower one the usual takes over: an unlucky first sample does not stay for good. */
const USUAL_GAIN = 0.02;
/** Keys that were not asked for in time are not made up for beyond this, ms. */
const BURST_MS = 100;

export function newPace({ rateMax }: PaceRule, nowMs: number): Pace {
  return { rate: rateMax, nextAtMs: nowMs, usualMs: null };
}

/** Takes the places of `count` keys; they may go at `atMs`. */
export function paced(
  pace: Pace,
  count: number,
  nowMs: number,
): { readonly pace: Pace; readonly atMs: number } {
  const atMs = Math.max(pace.nextAtMs, nowMs - BURST_MS);
  return { pace: { ...pace, nextAtMs: atMs + (1_000 * count) / pace.rate }, atMs: Math.max(atMs, nowMs) };
}

/**
 * Takes in how long a batch took: half the rate after a slow or failed one, a twentieth of the budget more after a
 * good one (additive increase, multiplicative decrease; Chiu and Jain, 1989).
 *
 * @param ms null for a batch that failed
 */
export function learned(pace: Pace, rule: PaceRule, ms: number | null): Pace {
  const { rateMax, slowdownMax } = rule;
  const usualMs = ms === null ? pace.usualMs : usualAfter(pace.usualMs, ms);
  const slow = ms === null || isSlow(ms, pace.usualMs, slowdownMax);
  const rate = slow
    ? Math.max(rateMax * RATE_MIN_SHARE, pace.rate * BACK_OFF)
    : Math.min(rateMax, pace.rate + rateMax * RECOVER_SHARE);
  return { ...pace, rate, usualMs };
}

/** Whether something takes longer than this many times what it took when all was well. */
export function isSlow(ms: number, usualMs: number | null, slowdownMax: number): boolean {
  return usualMs !== null && ms > usualMs * slowdownMax + SLACK_MS;
}

/** Follows quick ones at once, slow ones slowly. */
export function usualAfter(beforeMs: number | null, ms: number): number {
  if (beforeMs === null || ms < beforeMs) return ms;
  return beforeMs + USUAL_GAIN * Math.min(ms - beforeMs, beforeMs);
}
