import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);

it("the README's quick start runs, and prints what the README says", async () => {
  const readme = await readFile(new URL('../../../README.md', import.meta.url), 'utf8');
  const quickStart = readme.slice(readme.indexOf('## Quick start'));
  const code = /```ts\n([^]*?)```/.exec(quickStart)![1]!;
  const output = /```text\n([^]*?)```/.exec(quickStart)![1]!;
  // Below a package that has the imports.
  const path = fileURLToPath(new URL(`./readme-example.${process.pid}.ts`, import.meta.url));
  await writeFile(path, code);
  try {
    const { stdout } = await run(process.execPath, [
      '--import',
      'tsx',
      '--conditions=@tidemark/source',
      path,
    ]);
    expect(stdout).toBe(output);
  } finally {
    await rm(path);
  }
});
