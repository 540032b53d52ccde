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
  const cells = (row) => columns.map((name) => String(row(name)).padStart(14)).join('');
  print(cells((name) => name));
  for (const cost of costs) print(cells((name) => (name === 'ms' ? cost.ms.toFixed(0) : cost[name])));
  return 0;
});
