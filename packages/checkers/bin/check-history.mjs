#!/usr/bin/env node
// `npm run check-history -- FILE...`: judges histories that runs kept.
import { join } from 'node:path';
import { ensureBuild, ensureNpm, main, ROOT, run } from '../../testbed/bin/bootstrap.mjs';

console.log = console.error;

await main(async () => {
  await ensureNpm();
  await ensureBuild();
  return run(process.execPath, [join(ROOT, 'packages/checkers/dist/main.js'), ...process.argv.slice(2)], {
    cwd: process.env['INIT_CWD'] ?? process.cwd(),
    input: 'inherit',
  });
});
