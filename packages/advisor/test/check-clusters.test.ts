import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkClusters, checkError } from '../src/check/check-clusters.ts';
import { clusterRows } from '../src/sources/twitter-table.ts';

const TABLE = fileURLToPath(new URL('../../bench/data/twitter-2020-workloads.csv', import.meta.url));
const rows = clusterRows(readFileSync(TABLE, 'utf8'));
const checks = checkClusters(rows);

describe('the model against the clusters of Twitter', () => {
  it('shows', () => {
    for (const c of checks) console.log(c.cluster, c.category, c.pushed, c.predicted.toFixed(4), c.independent.toFixed(4), c.published, ((c.predicted - c.published) * 100).toFixed(1));
    console.log(checkError(checks), checkError(checks.filter((c) => !c.pushed)), checkError(checks.filter((c) => c.pushed)), checkError(checks, (c) => c.independent));
    for (const k of [1, 2, 3]) console.log(k, checkError(checks.filter((c) => c.category === k)));
    expect(1).toBe(1);
  });
});
