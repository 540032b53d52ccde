import { formatVersion } from '@tidemark/core';
import type { AgeReport, SweepReport, VerifierFinding, VerifierReport } from '@tidemark/verifier';
import { columns, paint, shown, span } from './paint.ts';

const MOMENTS_SHOWN = 20;

/** How many nines, as far as the number of checks can show. */
export function ninesText({ nines, inconsistent }: Pick<AgeReport, 'nines' | 'inconsistent'>): string {
  if (nines === null) return '–';
  return `${inconsistent === 0 ? '≥ ' : ''}${(Math.floor(nines * 10) / 10).toFixed(1)}`;
}

/** One line for a screen that is redrawn. */
export function liveLine(report: VerifierReport): string {
  const ages = report.ages.map((age) => `${span(age.ageMs)} ${ninesText(age)} of ${age.checked}`);
  const found = Object.values(report.findings).reduce((sum, count) => sum + count, 0);
  return [
    `${report.seen.events} invalidations, ${report.pending} pending`,
    ages.length === 0 ? 'nothing checked yet' : `nines: ${ages.join(', ')}`,
    `${found} findings`,
    ...(report.sourceThere ? [] : ['the source is away']),
  ].join('; ');
}

export function reportText(report: VerifierReport): string {
  const { seen, pending, ages, findings } = report;
  const rows = ages.map((age) => [
    `within ${span(age.ageMs)}`,
    ninesText(age),
    String(age.checked),
    age.inconsistent === 0 ? '0' : paint.red(String(age.inconsistent)),
    String(age.notAsked),
    String(age.late),
  ]);
  const left = [
    ...(seen.compared > 0 ? [`${seen.compared} contents compared with loads`] : []),
    ...(seen.sampledOut > 0 ? [`${seen.sampledOut} left out of the sample`] : []),
    ...(seen.noRoom > 0 ? [`${seen.noRoom} not taken: too many were pending`] : []),
  ];
  return [
    `${seen.events} invalidations since ${new Date(report.sinceMs).toISOString()}, ${pending} pending${left.length > 0 ? `, ${left.join(', ')}` : ''}`,
    columns([['consistent', 'nines', 'checked', 'inconsistent', 'not asked', 'late'], ...rows], '  '),
    findingsText(findings),
  ].join('\n');
}

export function findingsText(findings: Readonly<Record<string, number>>): string {
  const kinds = Object.entries(findings).map(([kind, count]) => `${count} ${kind}`);
  return kinds.length === 0 ? 'no findings' : paint.red(`findings: ${kinds.join(', ')}`);
}

/** A finding with its explanation and history, on several lines. */
export function findingText(finding: VerifierFinding): string {
  const { kind, severity, key, region, tier, node, text, mend, timeline } = finding;
  const where = `${tier.toUpperCase()} of ${region}${node === undefined ? '' : `, node ${shown(node)}`}`;
  const moments = timeline
    .slice(-MOMENTS_SHOWN)
    .map(({ atMs, region: at, node: by, type, version, outcome }) => [
      new Date(atMs).toISOString(),
      at ?? 'source',
      `${type}${outcome === undefined ? '' : ` (${shown(outcome)})`}`,
      version ? formatVersion(version) : '',
      by === undefined ? '' : `node ${shown(by)}`,
    ]);
  const head = severity === 'error' ? paint.red(kind) : paint.yellow(kind);
  return [
    `${head}  ${shown(key)} in ${where}: ${shown(text, 500)}`,
    `  mend: ${mend}`,
    ...(moments.length > 0 ? [columns(moments, '  ')] : []),
  ].join('\n');
}

export function sweepText({ regions, findings }: SweepReport): string {
  const rows = regions.map((each) => [
    each.region,
    String(each.keys),
    String(each.served),
    String(each.behind),
    String(each.compared),
    String(each.notAsked),
    each.reason === null ? 'whole' : paint.red(shown(each.reason)),
  ]);
  return [
    columns([['region', 'keys', 'served', 'behind', 'compared', 'not asked', 'swept'], ...rows]),
    findingsText(findings),
  ].join('\n');
}
