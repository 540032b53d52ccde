import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const PACKAGES = fileURLToPath(new URL('../../', import.meta.url));
const SPEC = readFileSync(join(PACKAGES, 'core/src/protocol/SPEC.md'), 'utf8');
const NAMED = [...SPEC.matchAll(/`([a-z]+\/(?:src|test)\/[\w./-]+\.ts)`/g)].map(([, path]) => path!);

it('every invariant says what enforces it, and names tests', () => {
  for (let i = 1; i <= 14; i += 1) {
    const [paragraph] = new RegExp(`^\\*\\*I${i} [^]*?\\n\\n`, 'm').exec(SPEC) ?? [''];
    expect(paragraph, `I${i}`).toMatch(/Enforced by[^]*Tests?:\s+`/);
  }
});

it('every file that the specification names is there', () => {
  expect(NAMED.filter((path) => !existsSync(join(PACKAGES, path)))).toEqual([]);
});

it('every test of regions on real servers is named by an invariant', () => {
  const tests = readdirSync(join(PACKAGES, 'demo/test')).filter((name) => name.endsWith('.mesh.test.ts'));
  // What is seen, asked and advised, and what is sent.
  const others = ['advise', 'alerts', 'command-line', 'console', 'trace', 'wire'].map(
    (name) => `${name}.mesh.test.ts`,
  );
  const expected = tests.filter((name) => !others.includes(name)).map((name) => `demo/test/${name}`);
  expect(expected.filter((path) => !NAMED.includes(path))).toEqual([]);
});
