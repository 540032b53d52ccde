import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkClusters, checkError } from '../src/check/check-clusters.ts';
import { clusterRows } from '../src/sources/twitter-table.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const read = (path: string): string => readFileSync(`${ROOT}${path}`, 'utf8');
const rows = clusterRows(read('packages/bench/data/twitter-2020-workloads.csv'));
const checks = checkClusters(rows);

describe('the model against the clusters of Twitter', () => {
  it('is as far off as the documentation says', () => {
    const page = read('docs/reference/advisor.md');
    const [, median, worst, cluster] =
      /median error of ([\d.]+) points, the worst of ([\d.]+) \((\w+)\)/.exec(page) ?? [];
    const error = checkError(checks);
    expect([error.medianPoints.toFixed(1), error.worstPoints.toFixed(1), error.worst]).toEqual([
      median,
      worst,
      cluster,
    ]);
    const [, alone] = /model alone has one of ([\d.]+)/.exec(page) ?? [];
    expect(checkError(checks, ({ independent }) => independent).medianPoints.toFixed(1)).toBe(alone);
    // However it is changed: more than this would not be worth stating.
    expect(error.medianPoints).toBeLessThan(3);
  });

  it('looks at every cluster that reads and whose misses are published', () => {
    expect([rows.length, checks.length]).toEqual([42, 40]);
    expect(checks.filter(({ pushed }) => pushed)).toHaveLength(7);
  });

  it('does not know what was published', () => {
    const blind = rows.map((row) => ({ ...row, publishedMisses: row.publishedMisses === null ? null : 0.5 }));
    expect(checkClusters(blind).map(({ predicted }) => predicted)).toEqual(
      checks.map(({ predicted }) => predicted),
    );
  });

  it('and the table in the documentation is what it says now', () => {
    const page = read('docs/reference/advisor-clusters.md');
    for (const { cluster, predicted, published } of checks)
      expect(page).toContain(
        `| ${cluster} | ${(published * 100).toFixed(2)} | ${(predicted * 100).toFixed(2)} |`,
      );
  });
});
