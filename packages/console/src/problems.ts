import { type Finding, findingOf, type Trouble } from '@tidemark/inspect';
import type { PastProblem, Problem, Verified } from './api.ts';
import { Ring } from './ring.ts';

const PAST_MAX = 50;
/** More at once would be the same cause in many regions. */
const PROBLEMS_MAX = 200;

const TROUBLES: Readonly<Record<Trouble['code'], true>> = {
  unreachable: true,
  unproven: true,
  'no-applier': true,
  'no-relay': true,
  'not-followed': true,
  'dead-letters': true,
  'empty-store': true,
};

/**
 * What is wrong now: troubles of the look a second ago, and what only the slower examination can find. Its findings of
 * troubles are left out: they are older.
 */
export function currentFindings(
  troubles: readonly Trouble[],
  examined: readonly Finding[],
): readonly Finding[] {
  const slower = examined.filter(({ code }) => !(code in TROUBLES));
  const saysSource = slower.some(({ code }) => code === 'source-away');
  return [
    ...troubles
      .filter(({ region, code }) => !(saysSource && region === null && code === 'unreachable'))
      .map(findingOf),
    ...slower,
  ];
}

/** Codes of what a verifier found begin so: it is no lack of proof, but proof of the contrary. */
export const VERIFIER_PREFIX = 'verifier-';
/** How long something that a verifier found needs somebody: it does not say when it is mended. */
const FOUND_LATELY_MS = 600_000;

/** What a verifier found lately. */
export function verifierFindings(verified: Verified | null, nowMs: number): readonly Finding[] {
  return (verified?.latest ?? [])
    .filter(({ atMs }) => nowMs - atMs < FOUND_LATELY_MS)
    .map(({ kind, severity, region, key, text, mend }) => ({
      code: VERIFIER_PREFIX + kind,
      severity,
      region,
      text: `${key}: ${text}`,
      mend,
    }));
}

/** Remembers since when each problem is there, and the last ones that are over. */
export class Problems {
  #open = new Map<string, Problem>();
  readonly #past = new Ring<PastProblem>(PAST_MAX);

  /** Takes what was found at a moment. A problem goes on while its code, region and place among its like do. */
  update(findings: readonly Finding[], atMs: number): void {
    const open = new Map<string, Problem>();
    const count = new Map<string, number>();
    for (const { code, severity, region, text, mend } of findings.slice(0, PROBLEMS_MAX)) {
      const kind = `${code} ${region ?? ''}`;
      const place = count.get(kind) ?? 0;
      count.set(kind, place + 1);
      const name = `${kind} ${place}`;
      const sinceMs = this.#open.get(name)?.sinceMs ?? atMs;
      open.set(name, { code, severity, region, text, mend, sinceMs });
    }
    for (const [name, { code, region, text, severity, sinceMs }] of this.#open) {
      if (!open.has(name) && severity !== 'note')
        this.#past.add({ code, region, text, sinceMs, untilMs: atMs });
    }
    this.#open = open;
  }

  /** Worst first, then the oldest. */
  get open(): readonly Problem[] {
    const order = { error: 0, warning: 1, note: 2 };
    return [...this.#open.values()].toSorted(
      (a, b) => order[a.severity] - order[b.severity] || a.sinceMs - b.sinceMs,
    );
  }

  /** The latest first. */
  get past(): readonly PastProblem[] {
    return this.#past.all().toReversed();
  }
}
