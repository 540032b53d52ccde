#!/usr/bin/env node
// `npm run check-advisor`: what the advisor's model predicts for the clusters of the table, beside what was published.
import { join } from 'node:path';
import { ensureBuild, ensureNpm, main, ROOT, run } from '../../testbed/bin/bootstrap.mjs';

// Standard output belongs to the run: with --json it is one document.
console.log = console.error;

await main(async () => {
  await ensureNpm();
  await ensureBuild();
  return run(
    process.execPath,
    [join(ROOT, 'packages/bench/dist/advisor/main.js'), ...process.argv.slice(2)],
    {
      cwd: process.env['INIT_CWD'] ?? process.cwd(),
    },
  );
});
