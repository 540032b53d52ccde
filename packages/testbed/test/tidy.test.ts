import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { KNOWN_PACKAGES, mayImport } from '../bin/import-directions.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const LINES_MAX = 400;
const IMPORT = /(?:\bfrom\s+|\bimport\s+|\bimport\(\s*)['"]([^'"]+)['"]/g;
/** Time, randomness and I/O are inputs of the pure rules. */
const IMPURE =
  /['"]node:[^'"]*['"]|\b(?:Date|performance|Math\.random|crypto|process|(?:set|clear)(?:Timeout|Interval|Immediate)|queueMicrotask)\b/;
/** Packages that only this repository runs. */
const NOT_FOR_USERS = new Set(['chaos', 'conformance', 'demo', 'testbed']);
const SUFFIXES = /\.(?:property|redis|nats|pg|mesh)\.test\.ts$/;

interface Source {
  /** From the top folder. */
  readonly path: string;
  /** Folder below packages/. */
  readonly package: string;
  readonly text: string;
  /** Without comments; strings stay. */
  readonly code: string;
}

const sources = readdirSync(join(ROOT, 'packages')).flatMap((name) => readPackage(name));

function readPackage(name: string): Source[] {
  return ['src', 'test', 'bin', 'page'].flatMap((folder) => {
    const dir = join(ROOT, 'packages', name, folder);
    const files = existsSync(dir) ? readdirSync(dir, { recursive: true, encoding: 'utf8' }) : [];
    return files
      .filter((file) => /\.(?:tsx?|mts|mjs|js|css)$/.test(file))
      .map((file) => {
        const text = readFileSync(join(dir, file), 'utf8');
        return { path: relative(ROOT, join(dir, file)), package: name, text, code: withoutComments(text) };
      });
  });
}

/** Good enough for our own code: a `//` in a string is preceded by a colon. */
function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[^]*?\*\//g, '').replaceAll(/(^|[^:'"`\\])\/\/.*$/gm, '$1');
}

function isTest({ path }: Source): boolean {
  return path.endsWith('.test.ts') || path.includes('/test/');
}

/** One line for each source that breaks a rule, saying how. */
function offences(rule: (source: Source) => readonly string[]): string[] {
  return sources.flatMap((source) => rule(source).map((what) => `${source.path}: ${what}`));
}

function imports({ code }: Source): string[] {
  return [...code.matchAll(IMPORT)].map(([, specifier]) => specifier!);
}

describe('imports', () => {
  it('follow the directions between packages', () => {
    const found = offences((source) =>
      imports(source)
        .map((specifier) => /^@tidemark\/([^/]+)/.exec(specifier)?.[1])
        .filter((to) => to !== undefined && !isTest(source) && !mayImport(source.package, to))
        .map((to) => `${source.package} may not import ${to}`),
    );
    expect(found).toEqual([]);
  });

  it('of other packages go through their names, and scripts only by path', () => {
    const found = offences((source) =>
      imports(source)
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => join(dirname(source.path), specifier))
        .filter(
          (path) =>
            !path.startsWith(`packages/${source.package}/`) && !path.startsWith('packages/testbed/bin/'),
        )
        .map((path) => `imports ${path}`),
    );
    expect(found).toEqual([]);
  });

  it('never reach into test files', () => {
    const found = offences((source) =>
      imports(source)
        .filter((specifier) => !isTest(source) && /\.test\.ts$|(?:^|\/)test\//.test(specifier))
        .map((specifier) => `imports ${specifier}`),
    );
    expect(found).toEqual([]);
  });

  it('in core point from the engine to the ports to the protocol', () => {
    const found = offences((source) => {
      const layer = /^packages\/core\/src\/(protocol|ports)\//.exec(source.path)?.[1];
      if (layer === undefined || isTest(source)) return [];
      const allowed = layer === 'protocol' ? ['protocol'] : ['protocol', 'ports'];
      return imports(source)
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => join(dirname(source.path), specifier))
        .filter((path) => !allowed.some((folder) => path.startsWith(`packages/core/src/${folder}/`)))
        .map((path) => `imports ${path}`);
    });
    expect(found).toEqual([]);
  });

  it('know every package', () => {
    expect(readdirSync(join(ROOT, 'packages')).filter((name) => !KNOWN_PACKAGES.includes(name))).toEqual([]);
  });
});

it('the pure rules have no clock, no chance, no timers and no Node', () => {
  const found = offences((source) => {
    if (!/^packages\/core\/src\/(?:protocol|ports)\//.test(source.path) || isTest(source)) return [];
    const lines = source.code.split('\n');
    return lines.filter((line) => IMPURE.test(line)).map((line) => line.trim());
  });
  expect(found).toEqual([]);
});

it('in core only what people read has a wall clock, and the runtime alone has clocks of its own', () => {
  const readers = ['node/publisher.ts', 'roles/relay.ts', 'roles/applier-term.ts', 'ports/runtime.ts'];
  // Dates are values there, and none of them is now.
  const dateHandlers = ['keyspace/freeze.ts', 'keyspace/json-codec.ts'];
  const found = offences((source) => {
    const file = /^packages\/core\/src\/(.*)$/.exec(source.path)?.[1];
    if (file === undefined || isTest(source) || file.startsWith('runtime/')) return [];
    return [
      ...(/\bwallMs\b/.test(source.code) && !readers.includes(file) ? ['reads a wall clock'] : []),
      ...((dateHandlers.includes(file)
        ? /\bDate\.now\b|\bDate\(\)|\bperformance\b|\bsetTimeout\b/
        : /\b(?:Date|performance)\b|\bsetTimeout\b/
      ).test(source.code)
        ? ['has a clock of its own']
        : []),
    ];
  });
  expect(found).toEqual([]);
});

it(`no file has more than ${LINES_MAX} lines`, () => {
  const found = offences(({ text }) => {
    const lines = text.trimEnd().split('\n').length;
    return lines > LINES_MAX ? [`${lines} lines; split it by concept`] : [];
  });
  expect(found).toEqual([]);
});

it('no test is skipped, singled out or retried', () => {
  const banned =
    /\b(?:it|test|describe)(?:\.\w+)*\.(?:only|skip|todo|fails)\b|\b(?:only|skip|retry):\s*(?:true|\d)/;
  const found = offences((source) =>
    isTest(source) && source.path !== relative(ROOT, fileURLToPath(import.meta.url))
      ? source.code
          .split('\n')
          .filter((line) => banned.test(line))
          .map((line) => line.trim())
      : [],
  );
  expect(found).toEqual([]);
});

it('every property takes its runs and its seed from the environment', () => {
  const found = offences(({ path, code }) => {
    if (path.endsWith('tidy.test.ts')) return [];
    const asserts = code.match(/\bfc\.assert\(/g)?.length ?? 0;
    const given = code.match(/\bruns(?:<[^(]*>)?\(/g)?.length ?? 0;
    return asserts > given ? ['asserts a property without `runs` of @tidemark/conformance/property'] : [];
  });
  expect(found).toEqual([]);
});

it('a test that starts servers says so in its name', () => {
  const found = offences((source) => {
    if (!source.path.endsWith('.test.ts') || SUFFIXES.test(source.path)) return [];
    return /\bstart(?:Redis|Nats|Postgres)\(/.test(source.code) ? ['starts a server in a unit test'] : [];
  });
  expect(found.filter((line) => !line.startsWith('packages/testbed/test/tidy.test.ts'))).toEqual([]);
});

it('names are kebab-case nouns, and nothing is left to do', () => {
  const found = offences(({ path, text }) => [
    ...(/^[a-z0-9]+(?:[.-][a-z0-9]+)*$/.test(basename(path)) ? [] : ['is not kebab-case']),
    ...(/\b(?:TODO|FIXME|XXX)\b/.test(text) && !path.endsWith('tidy.test.ts') ? ['has a TODO'] : []),
  ]);
  expect(found).toEqual([]);
});

it('every package says in a README what it is, and every error code is explained', () => {
  const packages = [...new Set(sources.map((source) => source.package))];
  expect(packages.filter((name) => !existsSync(join(ROOT, 'packages', name, 'README.md')))).toEqual([]);
  const explained = readFileSync(join(ROOT, 'docs/reference/errors.md'), 'utf8');
  const codes = sources
    .filter((source) => !isTest(source) && !NOT_FOR_USERS.has(source.package))
    .flatMap(({ code }) => [...code.matchAll(/\bE_[A-Z_]+\b/g)].map(([name]) => name));
  expect(codes.length).toBeGreaterThan(40);
  expect([...new Set(codes)].filter((name) => !explained.includes(`\`${name}\``))).toEqual([]);
});

it('every Postgres pool and client hears of connections that end, also while it ends them itself', () => {
  const found = offences(({ code }) => {
    const made = code.match(/\bnew pg\.(?:Pool|Client)\(/g)?.length ?? 0;
    const heard = code.match(/\.on\('error'/g)?.length ?? 0;
    return made > heard ? [`${made} pools or clients, ${heard} listeners to their errors`] : [];
  });
  expect(found).toEqual([]);
});
