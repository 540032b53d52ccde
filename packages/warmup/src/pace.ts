/** How fast a warm-up may go. All rates are in keys a second. */
export interface PaceRule {
  /** The budget: never more than this. */
  readonly rateMax: number;
  /** Backs off when batches take longer than this many times what they took when all was well. */
  readonly slowdownMax: number;
}

/** What a warm-up knows of how it goes; see `paced` and `learned`. */
export interface Pace {
  /** Now allowed. */
  readonly rate: number;
  /** When the next key may go, ms on the caller's clock. */
  readonly nextAtMs: number;
  /** What a batch takes when all is well, ms; null before the first round. */
  readonly usualMs: number | null;
  /** What the batches of this round took, ms. */
  readonly roundMs: readonly number[];
}

/** Batches that are judged together, by their median: one that waited for a disk or a collection is no news. */
export const ROUND = 5;
const BACK_OFF = 0.5;
/** The most that one round takes away. */
const BACK_OFF_MAX = 0.25;
const RECOVER_SHARE = 0.25;
const RATE_MIN_SHARE = 0.05;
/** A slower one is no news while it is as short as this, ms. */
const SLACK_MS = 5;
/** So much of a slower one the usual takes over: an unlucky first sample does not stay for good. */
const USUAL_GAIN = 0.02;
/** Keys that were not asked for in time are not made up for beyond this, ms. */
const BURST_MS = 100;

export function newPace({ rateMax }: PaceRule, nowMs: number): Pace {
  return { rate: rateMax, nextAtMs: nowMs, usualMs: null, roundMs: [] };
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
 * Takes in how long a batch took. A failed one halves the rate at once. After each round it is judged by the median:
 * when that is slow, the rate shrinks as much as the limit was passed, otherwise it grows by a quarter of the budget
 * (the multiplicative decrease by a gradient of latencies follows Netflix's concurrency-limits, `Gradient2Limit`).
 *
 * @param ms null for a batch that failed
 */
export function learned(pace: Pace, rule: PaceRule, ms: number | null): Pace {
  const { rateMax, slowdownMax } = rule;
  const slower = (share: number): number => Math.max(rateMax * RATE_MIN_SHARE, pace.rate * share);
  if (ms === null) return { ...pace, rate: slower(BACK_OFF), roundMs: [] };
  const roundMs = [...pace.roundMs, ms];
  if (roundMs.length < ROUND) return { ...pace, roundMs };
  const medianMs = medianOf(roundMs);
  const rate = isSlow(medianMs, pace.usualMs, slowdownMax)
    ? slower(Math.max(BACK_OFF_MAX, limitMs(pace.usualMs!, slowdownMax) / medianMs))
    : Math.min(rateMax, pace.rate + rateMax * RECOVER_SHARE);
  return { ...pace, rate, usualMs: usualAfter(pace.usualMs, medianMs), roundMs: [] };
}

/** Whether something takes longer than this many times what it took when all was well. */
export function isSlow(ms: number, usualMs: number | null, slowdownMax: number): boolean {
  return usualMs !== null && ms > limitMs(usualMs, slowdownMax);
}

function limitMs(usualMs: number, slowdownMax: number): number {
  return usualMs * slowdownMax + SLACK_MS;
}

/** The middle one of some. */
export function medianOf(some: readonly number[]): number {
  return some.toSorted((a, b) => a - b)[Math.floor(some.length / 2)]!;
}

/** Follows quick ones at once, slow ones slowly. */
export function usualAfter(beforeMs: number | null, ms: number): number {
  if (beforeMs === null || ms < beforeMs) return ms;
  return beforeMs + USUAL_GAIN * Math.min(ms - beforeMs, beforeMs);
}
