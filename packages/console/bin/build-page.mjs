#!/usr/bin/env node
// Builds the page into one file, dist/page.html: scripts and styles inside, nothing loaded from anywhere.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE = fileURLToPath(new URL('../', import.meta.url));
const PAGE = join(PACKAGE, 'page');
const FILE = join(PACKAGE, 'dist/page.html');
const LICENCES =
  'preact (MIT), d3 (ISC), topojson-client (ISC), world-atlas (ISC), Natural Earth (public domain)';

/** Builds it unless what is there was built from the same sources. */
export async function ensurePage() {
  const stamp = `<!-- sources ${digest()}; with ${LICENCES} -->`;
  if (built().includes(stamp)) return;
  const { build } = await import('vite');
  const result = await build({
    root: PAGE,
    configFile: false,
    logLevel: 'warn',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      write: false,
      modulePreload: false,
      target: 'es2022',
      assetsInlineLimit: 2 ** 20,
      reportCompressedSize: false,
    },
  });
  const { output } = /** @type {import('vite').Rollup.RollupOutput} */ (
    Array.isArray(result) ? result[0] : result
  );
  const html = inOneFile(output).replace('<head>', () => `<head>\n    ${stamp}`);
  mkdirSync(join(PACKAGE, 'dist'), { recursive: true });
  // Whole or not at all: somebody may be reading it.
  writeFileSync(`${FILE}.${process.pid}`, html);
  renameSync(`${FILE}.${process.pid}`, FILE);
}

/** Contents, not times: git sets the times of files as it likes. */
function digest() {
  const hash = createHash('sha256');
  const sources = readdirSync(PAGE)
    .toSorted()
    .map((name) => join(PAGE, name));
  const lock = join(PACKAGE, 'package.json');
  for (const path of [...sources, join(PACKAGE, 'src/api.ts'), fileURLToPath(import.meta.url), lock])
    hash.update(path.slice(PACKAGE.length)).update('\0').update(readFileSync(path)).update('\0');
  return hash.digest('hex').slice(0, 32);
}

function built() {
  try {
    return readFileSync(FILE, 'utf8');
  } catch {
    return '';
  }
}

/**
 * @param {import('vite').Rollup.RollupOutput['output']} output
 * @returns {string}
 */
function inOneFile(output) {
  let html = '';
  let [script, style] = ['', ''];
  for (const part of output) {
    if (part.type === 'chunk') script += part.code;
    else if (part.fileName.endsWith('.html')) html = String(part.source);
    else if (part.fileName.endsWith('.css')) style += String(part.source);
    else throw new Error(`${part.fileName} would be loaded from outside of the page`);
  }
  // An end tag inside a string would end the script.
  script = script.trim().replaceAll('</script', '<\\/script');
  return html
    .replaceAll(/\s*<link rel="stylesheet"[^>]*>/g, '')
    .replaceAll(/\s*<script type="module"[^>]*><\/script>/g, '')
    .replace('</head>', () => `<style>${style.trim()}</style>\n  </head>`)
    .replace('</body>', () => `<script type="module">${script}</script>\n  </body>`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await ensurePage();
