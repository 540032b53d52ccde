#!/usr/bin/env node
// `npm run bench`: installs and builds what a fresh clone lacks, the peers too, then runs with the given arguments.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuild, ensureNpm, ensureServices, main, ROOT, run } from '../../testbed/bin/bootstrap.mjs';

const PEERS = join(ROOT, 'packages/bench/peers');

// Standard output belongs to the run: with --json it is one document.
console.log = console.error;

await main(async () => {
  await ensureNpm();
  await ensureServices();
  await ensureBuild();
  if (!existsSync(join(PEERS, 'node_modules'))) {
    console.error('installing the libraries to compare with (packages/bench/peers)');
    const code = await run(
      'npm',
      ['ci', '--workspaces=false', '--no-audit', '--no-fund', '--loglevel=error'],
      { cwd: PEERS, output: 'stderr' },
    );
    if (code !== 0) return code;
  }
  return run(process.execPath, [join(ROOT, 'packages/bench/dist/main.js'), ...process.argv.slice(2)], {
    cwd: process.env['INIT_CWD'] ?? process.cwd(),
  });
});
