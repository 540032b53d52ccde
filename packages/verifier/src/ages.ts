/** How long after an invalidation its key is checked, ms. */
export const AGES_MS: readonly number[] = [1_000, 10_000, 60_000, 300_000];

const SLACK_MIN_MS = 1_000;

/** A check that comes later than this after its time says nothing about its age any more. */
export function slackMs(ageMs: number): number {
  return Math.max(SLACK_MIN_MS, ageMs / 2);
}
