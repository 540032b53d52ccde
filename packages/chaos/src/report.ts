import type { Report } from './run.ts';

export function formatReport(report: Report): string {
  const { seed, faults, reads, writes, refused, violations, convergedAfterMs, comparedEntries, verifier } =
    report;
  const kinds = Object.entries(faults).map(([kind, count]) => `${count} ${kind}`);
  const beside = verifier?.report.ages.map(
    ({ ageMs, checked, inconsistent }) => `${checked - inconsistent} of ${checked} at ${ageMs / 1_000} s`,
  );
  return [
    `seed ${seed}, ${Math.round(report.durationMs / 1_000)} s${report.broken ? `, without the rule "${report.broken}"` : ''}`,
    `faults      ${kinds.join(', ') || 'none'}`,
    `reads       ${reads}, writes ${writes}, refused ${refused}`,
    `converged   ${convergedAfterMs === null ? 'never' : `after ${convergedAfterMs} ms`}, ${comparedEntries} entries compared`,
    `violations  ${violations.length}`,
    ...(verifier && beside
      ? [
          `verifier    ${verifier.findings.length} findings, ${verifier.report.seen.compared} contents compared; consistent: ${beside.join(', ')}`,
        ]
      : []),
    '',
  ].join('\n');
}
