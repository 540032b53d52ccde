import type { RunResult } from './run.ts';

/** What a schedule showed. `safety`: something wrong was served or kept; `liveness`: it never came to rest. */
export type Verdict = 'clean' | 'safety' | 'liveness' | 'crash';

export function verdictOf({ crash, violations, stuck }: RunResult): Verdict {
  if (crash !== null) return 'crash';
  // I4, I5 and I10 are about what must come in the end: a run that never rests breaks them as well.
  if (violations.some(({ invariant }) => !['I4', 'I5', 'I10'].includes(invariant))) return 'safety';
  return stuck !== null || violations.length > 0 ? 'liveness' : 'clean';
}

/** One line that says what a schedule showed first. */
export function headlineOf(result: RunResult): string {
  const { crash, violations, stuck } = result;
  if (crash !== null) return `crash: ${crash.stack ?? crash.message}`;
  const [first] = violations;
  if (first) return `${first.invariant} of ${first.key}: ${first.what}`;
  return stuck === null ? 'clean' : `never came to rest: ${stuck}`;
}
