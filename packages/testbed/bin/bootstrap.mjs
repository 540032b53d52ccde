// What a fresh clone lacks. Plain Node: runs before anything is installed.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, say, Stop } from './run.mjs';

export { main, run, say } from './run.mjs';
export { ensureServices } from './services.mjs';

/** Top folder of the checkout. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * Installs the npm packages of package-lock.json unless exactly those are there.
 * @throws {Stop}
 */
export async function ensureNpm() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new Stop(`Tidemark needs Node.js 20.19 or newer; this is ${process.versions.node}.`);
  }
  if (npmUpToDate()) return;
  say('installing npm packages (npm ci)');
  const npm = process.env['npm_execpath'];
  const [file, args] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  const code = await run(file, [...args, 'ci', '--loglevel=error'], { cwd: ROOT, output: 'stderr' });
  if (code !== 0) throw new Stop('npm ci failed: see above. It needs access to the npm registry.', code);
}

/** Compiles every package to its dist/; does nothing when that is up to date. @throws {Stop} */
export async function ensureBuild() {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const code = await run(process.execPath, [tsc, '-b'], { cwd: ROOT, output: 'stderr' });
  if (code !== 0) throw new Stop('the build failed: see above.', code);
}

/** Builds the console's page; does nothing when that is up to date. @throws {Stop} */
export async function ensurePage() {
  const script = join(ROOT, 'packages/console/bin/build-page.mjs');
  const code = await run(process.execPath, [script], { cwd: ROOT, output: 'stderr' });
  if (code !== 0) throw new Stop('the build of the page failed: see above.', code);
}

/** Compares contents, not times: git sets the times of files as it likes, and npm writes the lock last. */
function npmUpToDate() {
  const installed = lockedPackages('node_modules/.package-lock.json');
  const wanted = lockedPackages('package-lock.json') ?? {};
  if (!installed) return false;
  return Object.entries(wanted).every(([path, { version, optional, peer }]) => {
    if (!path.startsWith('node_modules/')) return true;
    const there = installed[path];
    // Packages of other platforms are in the lock and not here.
    return there
      ? there.version === version && existsSync(join(ROOT, path))
      : optional === true || peer === true;
  });
}

/**
 * @param {string} file
 * @returns {Record<string, { version?: string, optional?: boolean, peer?: boolean }> | null}
 */
function lockedPackages(file) {
  const path = join(ROOT, file);
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : null;
}
