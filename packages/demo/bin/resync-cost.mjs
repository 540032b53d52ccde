#!/usr/bin/env node
// `npm run resync-cost [-- --json] [entries]`: what a resync costs, by the number of changed keys.
import { join } from 'node:path';
import { ensureBuild, ensureNpm, main, ROOT } from '../../testbed/bin/bootstrap.mjs';

const CHANGED = [10, 1_000, 100_000];

const json = process.argv.includes('--json');
const entries = Number(process.argv.slice(2).find((argument) => /^\d+$/.test(argument)) ?? 200_000);
const print = console.log;
// Standard output belongs to the result: with --json it is one document.
console.log = console.error;

/** @param {string | number} value */
const cell = (value) => String(value).padStart(14);

await main(async () => {
  await ensureNpm();
  await ensureBuild();
  const { resyncCosts } = await import(join(ROOT, 'packages/demo/dist/resync-cost.js'));
  const costs = await resyncCosts(
    entries,
    CHANGED.filter((changed) => changed <= entries),
  );
  if (json) {
    print(JSON.stringify(costs));
    return 0;
  }
  const columns = ['entries', 'changed', 'rows', 'queries', 'invalidations', 'batches', 'ms'];
  print(columns.map(cell).join(''));
  for (const cost of costs) print(columns.map((name) => cell(Math.round(cost[name]))).join(''));
  return 0;
});
