import type { PairFigures } from './propagation.ts';

export interface RegionReport {
  readonly id: string;
  readonly reads: number;
  readonly l1Hits: number;
  readonly l2Hits: number;
  readonly loads: number;
  /** Largest staleness bound that a node of the region had, outside of the cut; ms. */
  readonly stalenessBoundMsMax: number;
}

/** A region was cut off, and healed. */
export interface CutReport {
  readonly region: string;
  readonly ms: number;
  /** From the heal until every key written during the cut read right in the region; null: never. */
  readonly convergedAfterMs: number | null;
}

/** The outcome of a run; `--json` prints it as it is. */
export interface Report {
  readonly mode: 'embedded' | 'services';
  readonly broken: 'tidemark' | null;
  readonly seed: number;
  readonly durationMs: number;
  readonly regions: readonly RegionReport[];
  readonly writes: number;
  readonly writesBehindTheLibrary: number;
  readonly loadsPerWrite: number;
  readonly propagationMs: {
    readonly p50: number;
    readonly p99: number;
    readonly pairs: readonly PairFigures[];
  };
  /** Bounded reads that returned what was superseded longer ago than promised. */
  readonly boundViolations: number;
  /** Reads and writes that failed with an error instead, while the region could not reach the source. */
  readonly refused: { readonly reads: number; readonly writes: number };
  readonly lostWrites: number;
  readonly divergentKeys: number;
  readonly cuts: readonly CutReport[];
  readonly checkedEntries: number;
}

/** The promises that a run broke, in words. */
export function brokenPromises(report: Report): string[] {
  const broken: string[] = [];
  if (report.boundViolations > 0) broken.push(`${report.boundViolations} reads were staler than promised`);
  if (report.lostWrites > 0) broken.push(`${report.lostWrites} writes were lost`);
  if (report.divergentKeys > 0) broken.push(`${report.divergentKeys} cached entries differ from the source`);
  for (const { region, convergedAfterMs } of report.cuts)
    if (convergedAfterMs === null) broken.push(`${region} did not converge after the heal`);
  if (report.checkedEntries === 0) broken.push('nothing was checked');
  if (report.writes === 0) broken.push('nothing was written');
  return broken;
}

/** The report for people. */
export function formatReport(report: Report): string {
  const seconds = report.durationMs / 1_000;
  const lines = [
    '',
    `Three regions over one Postgres, ${report.mode}, ${seconds.toFixed(0)} s, seed ${report.seed}` +
      (report.broken ? `, with the ${report.broken} check broken on purpose` : ''),
    '',
    `  ${'region'.padEnd(10)}${'reads'.padStart(9)}${'reads/s'.padStart(9)}${'L1 hits'.padStart(9)}${'L2 hits'.padStart(9)}${'loads'.padStart(8)}${'bound max'.padStart(11)}`,
    ...report.regions.map(
      ({ id, reads, l1Hits, l2Hits, loads, stalenessBoundMsMax }) =>
        `  ${id.padEnd(10)}${String(reads).padStart(9)}${(reads / seconds).toFixed(0).padStart(9)}${percent(l1Hits, reads).padStart(9)}${percent(l2Hits, reads).padStart(9)}${String(loads).padStart(8)}${`${stalenessBoundMsMax.toFixed(0)} ms`.padStart(11)}`,
    ),
    '',
    `  writes             ${report.writes}, of them ${report.writesBehindTheLibrary} by plain SQL behind the library's back`,
    `  loads per write    ${report.loadsPerWrite.toFixed(2)}`,
    `  propagation        p50 ${report.propagationMs.p50} ms, p99 ${report.propagationMs.p99} ms`,
    ...report.propagationMs.pairs.map(
      ({ from, to, p50, p99, count }) =>
        `    ${`${from} → ${to}`.padEnd(22)} p50 ${String(p50).padStart(7)} ms   p99 ${String(p99).padStart(7)} ms   of ${count}`,
    ),
    ...report.cuts.flatMap(({ region, ms, convergedAfterMs }) => [
      `  cut                ${region} for ${(ms / 1_000).toFixed(1)} s`,
      `  after the heal     ${convergedAfterMs === null ? 'not converged' : `converged in ${convergedAfterMs.toFixed(0)} ms`}`,
    ]),
    `  refused            ${report.refused.reads} reads and ${report.refused.writes} writes said that they can't keep their promise`,
    '',
    `  stale reads beyond the promised bound   ${report.boundViolations}`,
    `  writes lost                             ${report.lostWrites}`,
    `  cached entries that differ from source  ${report.divergentKeys} of ${report.checkedEntries} compared, one by one`,
    '',
  ];
  const broken = brokenPromises(report);
  lines.push(
    broken.length === 0 ? '  Every promise was kept.' : `  PROMISES BROKEN: ${broken.join('; ')}.`,
    '',
  );
  return lines.join('\n');
}

function percent(part: number, whole: number): string {
  return whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)} %`;
}
