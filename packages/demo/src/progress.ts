import logUpdate from 'log-update';
import pc from 'picocolors';
import type { NodeStats } from '@tidemark/core';
import type { Mesh } from './mesh.ts';
import type { Propagation } from './propagation.ts';

const REDRAW_MS = 250;
const LINE_MS = 2_000;

/** Where a run shows how it goes. */
export interface Progress {
  /** One line about something that happened. */
  say(line: string): void;
  stop(): void;
}

interface Totals {
  readonly reads: number;
  readonly l1Hits: number;
  readonly l2Hits: number;
  readonly loads: number;
}

/** Redraws a table in place on a terminal, else prints plain lines; `out` is never the JSON's stream. */
export function showProgress(
  out: NodeJS.WriteStream,
  regions: readonly string[],
  mesh: Mesh,
  propagation: Propagation,
  isCut: (region: string) => boolean,
): Progress {
  const live = out.isTTY === true && out === process.stdout;
  let before = new Map<string, Totals>();
  let beforeMs = performance.now();
  const said: string[] = [];
  const draw = (): void => {
    const nowMs = performance.now();
    const after = new Map(
      regions.map((region) => [region, totals(mesh.of(region).map(({ node }) => node.stats()))]),
    );
    const rows = regions.map((region) => {
      const now = after.get(region)!;
      const was = before.get(region) ?? { reads: 0, l1Hits: 0, l2Hits: 0, loads: 0 };
      const reads = now.reads - was.reads;
      const perSecond = (1_000 * reads) / Math.max(1, nowMs - beforeMs);
      const bound = Math.max(...mesh.of(region).map(({ node }) => node.stats().stalenessBoundMs));
      return (
        `${region.padEnd(10)}${perSecond.toFixed(0).padStart(7)} reads/s` +
        `  L1 ${rate(now.l1Hits - was.l1Hits, reads)}  L2 ${rate(now.l2Hits - was.l2Hits, reads)}` +
        `${String(now.loads).padStart(8)} loads  lag ${propagation.into(region).toFixed(0).padStart(4)} ms` +
        `  bound ${Number.isFinite(bound) ? `${bound.toFixed(0).padStart(5)} ms` : '    none'}` +
        `  ${isCut(region) ? (live ? pc.red('CUT OFF') : 'CUT OFF') : live ? pc.green('ok') : 'ok'}`
      );
    });
    before = after;
    beforeMs = nowMs;
    if (live)
      logUpdate([...said.map((line) => pc.dim(line)), '', ...rows.map((row) => `  ${row}`), ''].join('\n'));
    else for (const row of rows) out.write(`${row}\n`);
  };
  const timer = setInterval(draw, live ? REDRAW_MS : LINE_MS);
  return {
    say(line) {
      said.push(line);
      if (!live) out.write(`${line}\n`);
    },
    stop() {
      clearInterval(timer);
      if (live) logUpdate.done();
    },
  };
}

function totals(stats: readonly NodeStats[]): Totals {
  const sum = (pick: (each: NodeStats) => number): number =>
    stats.reduce((total, each) => total + pick(each), 0);
  return {
    reads: sum(({ reads }) => reads),
    l1Hits: sum(({ l1Hits }) => l1Hits),
    l2Hits: sum(({ l2Hits }) => l2Hits),
    loads: sum(({ loads }) => loads),
  };
}

function rate(part: number, whole: number): string {
  return `${whole === 0 ? '-' : ((100 * part) / whole).toFixed(0)} %`.padStart(5);
}
