import type { History } from './checkers/history.ts';
import { timelineOf } from './checkers/timeline.ts';
import type { Violation } from './checkers/violation.ts';
import type { Report } from './run.ts';

const EXPLAINED_MAX = 3;
const LISTED_MAX = 20;

export function formatReport(report: Report): string {
  const { seed, faults, reads, writes, refused, violations, convergedAfterMs, comparedEntries } = report;
  const kinds = Object.entries(faults).map(([kind, count]) => `${count} ${kind}`);
  return [
    `seed ${seed}, ${Math.round(report.durationMs / 1_000)} s${report.broken ? `, without the rule "${report.broken}"` : ''}`,
    `faults      ${kinds.join(', ') || 'none'}`,
    `reads       ${reads}, writes ${writes}, refused ${refused}`,
    `converged   ${convergedAfterMs === null ? 'never' : `after ${convergedAfterMs} ms`}, ${comparedEntries} entries compared`,
    `violations  ${violations.length}`,
    '',
  ].join('\n');
}

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
