import type { History } from './history.ts';
import { timelineOf } from './timeline.ts';
import type { Violation } from './violation.ts';

const EXPLAINED_MAX = 3;
const LISTED_MAX = 20;

/** What was broken, and for the first few keys what happened around it. */
export function explain(violations: readonly Violation[], history: History): string {
  const lines: string[] = [];
  for (const { invariant, atMs, what } of violations.slice(0, LISTED_MAX)) {
    const at = Number.isFinite(atMs) ? `${((atMs - history.run.startMs) / 1_000).toFixed(3)} s` : 'the end';
    lines.push(`${invariant} at ${at}: ${what}`);
  }
  if (violations.length > LISTED_MAX) lines.push(`… and ${violations.length - LISTED_MAX} more`);
  const keys = new Map<string, Violation>();
  for (const each of violations) if (each.key !== '' && !keys.has(each.key)) keys.set(each.key, each);
  for (const violation of [...keys.values()].slice(0, EXPLAINED_MAX)) {
    const { key, region } = violation;
    lines.push('', `What happened to ${key}, seen from ${region}:`, ...timelineOf(history, violation));
  }
  return `${lines.join('\n')}\n`;
}
