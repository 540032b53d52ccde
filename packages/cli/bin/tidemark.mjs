#!/usr/bin/env node
/** @type {typeof import('../src/main.ts') | undefined} */
let command;
try {
  command = await import('../dist/main.js');
} catch (thrown) {
  const error = /** @type {NodeJS.ErrnoException} */ (thrown);
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  // A checkout without a build, or without its packages: a stack trace would say neither.
  const message = `tidemark is not built or not installed completely; in a checkout run npm ci and npm run build (${error.message})`;
  const json = process.argv.includes('--json');
  const said = json ? JSON.stringify({ error: { code: 'E_NOT_BUILT', message } }) : `E_NOT_BUILT: ${message}`;
  process.stderr.write(`${said}\n`);
  process.exitCode = 1;
}
if (command) process.exitCode = await command.main(process.argv);
