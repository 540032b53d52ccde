import { isSlow, medianOf, usualAfter } from './pace.ts';

/** What live traffic waits for, looked at while a warm-up goes on. */
export interface LiveProbe {
  readonly name: string;
  /** How long it takes now, ms, as a reader would find it. */
  measureMs(): Promise<number>;
}

/** What is known of one probe; plain data. */
export interface LiveLatency {
  /** The latest ones, ms. */
  readonly recentMs: readonly number[];
  /** What it takes when all is well, ms; null before the first. */
  readonly usualMs: number | null;
}

/** One slow answer is no news. */
const RECENT = 5;
export const SHARE_MIN = 0.05;
const BACK_OFF = 0.5;
const RECOVER = 0.05;

export const NOT_LOOKED_AT: LiveLatency = { recentMs: [], usualMs: null };

/** @param ms null when it failed: then readers wait for as long as they are ready to */
export function lookedAt({ recentMs, usualMs }: LiveLatency, ms: number | null): LiveLatency {
  return {
    recentMs: [...recentMs, ms ?? Number.POSITIVE_INFINITY].slice(-RECENT),
    usualMs: ms === null ? usualMs : usualAfter(usualMs, ms),
  };
}

/** Whether live traffic waits longer than so many times the usual: by the median of the latest answers. */
export function suffers({ recentMs, usualMs }: LiveLatency, slowdownMax: number): boolean {
  return recentMs.length > 0 && isSlow(medianOf(recentMs), usualMs, slowdownMax);
}

/** Half the speed while live traffic suffers, a twentieth more while it does not. */
export function shareAfter(share: number, isSuffering: boolean): number {
  return isSuffering ? Math.max(SHARE_MIN, share * BACK_OFF) : Math.min(1, share + RECOVER);
}
