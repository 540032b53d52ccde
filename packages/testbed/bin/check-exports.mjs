#!/usr/bin/env node
// Checks every built package as its users will see it: publint, exports that resolve, allowed imports.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { ensureBuild, main, ROOT, say } from './bootstrap.mjs';
import { mayImport } from './import-directions.mjs';

const PACKAGES = join(ROOT, 'packages');

await main(async () => {
  await ensureBuild();
  /** @type {string[]} */
  const problems = [];
  const names = readdirSync(PACKAGES).filter((name) => existsSync(join(PACKAGES, name, 'package.json')));
  for (const name of names)
    problems.push(...(await check(name)).map((problem) => `packages/${name}: ${problem}`));
  for (const problem of problems) say(problem);
  say(`${names.length} packages checked, ${problems.length} problems`);
  return problems.length === 0 ? 0 : 1;
});

/** @param {string} name */
async function check(name) {
  const dir = join(PACKAGES, name);
  const manifest = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));
  const { messages } = await publint({ pkgDir: dir, strict: true, pack: 'npm' });
  const found = messages.map((message) => `publint: ${formatMessage(message, manifest, { color: false })}`);
  return [...found, ...checkManifest(name, manifest), ...(await checkExports(dir, manifest))];
}

/**
 * @param {string} name
 * @param {any} manifest
 */
function checkManifest(name, manifest) {
  /** @type {string[]} */
  const problems = [];
  if (manifest.name !== `@tidemark/${name}`) problems.push(`is named ${manifest.name}`);
  if (manifest.type !== 'module') problems.push('type is not module');
  // npm links a bin when it installs, before anything is built.
  for (const path of Object.values(manifest.bin ?? {})) {
    if (/^(\.\/)?dist\//.test(path))
      problems.push(`bin ${path} points into dist/, which a fresh clone lacks`);
  }
  for (const field of ['dependencies', 'peerDependencies', 'optionalDependencies']) {
    for (const other of Object.keys(manifest[field] ?? {})) {
      if (other.startsWith('@tidemark/') && !mayImport(name, other.slice('@tidemark/'.length))) {
        problems.push(`${field} has ${other}, which this package may not import`);
      }
    }
  }
  return problems;
}

/**
 * @param {string} dir
 * @param {any} manifest
 */
async function checkExports(dir, manifest) {
  /** @type {string[]} */
  const problems = [];
  for (const [path, conditions] of Object.entries(manifest.exports ?? {})) {
    const files =
      typeof conditions === 'string' ? [conditions] : Object.values(/** @type {{}} */ (conditions));
    for (const file of files) {
      if (!existsSync(join(dir, file))) problems.push(`exports "${path}": ${file} does not exist`);
    }
    if (problems.length > 0 || path.includes('*') || path.endsWith('.json')) continue;
    const specifier = manifest.name + path.slice(1);
    try {
      await import(specifier);
    } catch (error) {
      // Test suites can only be loaded by their test runner.
      if (!/vitest/i.test(String(error))) problems.push(`import '${specifier}' fails: ${String(error)}`);
    }
  }
  return problems;
}
