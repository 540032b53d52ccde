#!/usr/bin/env node
// `npm start`: installs and builds what a fresh clone lacks, then runs the demo with the given arguments.
import { join } from 'node:path';
import { ensureBuild, ensureNpm, ensurePage, main, ROOT, run } from '../../testbed/bin/bootstrap.mjs';

/** After Ctrl-C the console's demo heals what is cut, compares every cached entry, and reports. */
const REPORT_MAX_MS = 90_000;

// Standard output belongs to the demo: with --json it is one document.
console.log = console.error;

await main(async () => {
  await ensureNpm();
  await ensureBuild();
  const page = process.argv.includes('--console');
  if (page) await ensurePage();
  return run(process.execPath, [join(ROOT, 'packages/demo/dist/main.js'), ...process.argv.slice(2)], {
    cwd: process.env['INIT_CWD'] ?? process.cwd(),
    input: 'inherit',
    ...(page && { endsItselfMs: REPORT_MAX_MS }),
  });
});
