#!/usr/bin/env node
// `npm test`: installs what a fresh clone lacks, then runs vitest with the given arguments.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureNpm, ensureServices, main, ROOT, run } from './bootstrap.mjs';

const WATCHDOGS_MAX_MS = 15_000;

await main(async () => {
  await ensureNpm();
  await ensureServices(['redis', 'nats', 'postgres', 'prometheus', 'spin', 'chromium', 'shells']);
  // Every process that starts servers has a watchdog, which keeps a file here until it has cleaned up.
  const watchdogs = mkdtempSync(join(tmpdir(), 'tidemark-watchdogs-'));
  try {
    const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
    const env = { ...process.env, TIDEMARK_WATCHDOG_DIR: watchdogs };
    const code = await run(process.execPath, [vitest, 'run', ...process.argv.slice(2)], { cwd: ROOT, env });
    const untilMs = Date.now() + WATCHDOGS_MAX_MS;
    while (readdirSync(watchdogs).length > 0 && Date.now() < untilMs) await sleep(20);
    return code;
  } finally {
    rmSync(watchdogs, { recursive: true, force: true });
  }
});
