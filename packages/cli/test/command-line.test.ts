import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { program } from '../src/main.ts';
import { leaves } from './leaves.ts';
import { run } from './run.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const DOCS = readFileSync(`${ROOT}docs/reference/command-line.md`, 'utf8');
/** Explained once for all commands. */
const SHARED = new Set([
  'regions',
  'region',
  'source',
  'namespace',
  'timeout',
  'json',
  'yes',
  'wait',
  'url',
  'help',
]);

const commands = leaves(program());
const sections = new Map(
  DOCS.split(/^### /m)
    .slice(1)
    .map((text) => [/^`tidemark ([^`]+)`/.exec(text)?.[1], text]),
);

describe('docs/reference/command-line.md', () => {
  it('has the commands of the program, and no other', () => {
    const documented = [...sections.keys()].map(String);
    expect(documented.toSorted()).toEqual(commands.map(({ words }) => words.join(' ')).toSorted());
  });

  it.each(commands)(
    '$words: every option is there, and in --help examples and exit codes',
    async ({ words, command }) => {
      const names = command.options.map(({ long }) => long!.slice(2)).filter((name) => !SHARED.has(name));
      const text = sections.get(words.join(' '))!;
      expect(names.filter((name) => !text.includes(`--${name}`))).toEqual([]);
      const { code, out } = await run(...words, '--help');
      expect([code, out]).toEqual([
        0,
        expect.stringMatching(/Exit codes: [^]*Examples?:\n {2}(source <\()?tidemark /),
      ]);
    },
  );

  it('explains every finding of the doctor', () => {
    const dir = `${ROOT}packages/inspect/src`;
    const sources = readdirSync(dir).filter(
      (name) => name.startsWith('find-') || name === 'mesh-view.ts' || name === 'find.ts',
    );
    const text = sources.map((name) => readFileSync(`${dir}/${name}`, 'utf8')).join('\n');
    const codes = [
      ...text.matchAll(/'((?:redis|nats|source|clock|store|no|not|dead|empty|trigger|un)-?[a-z-]*)'/g),
    ].map(([, name]) => name!);
    const known = codes.filter((name) => name.includes('-') || name === 'unreachable' || name === 'unproven');
    expect(new Set(known).size).toBeGreaterThan(25);
    expect(
      [...new Set(known)].filter((name) => !DOCS.includes(`\`${name}`) && !DOCS.includes(`${name}\``)),
    ).toEqual([]);
  });
});

describe('completion', () => {
  it.each(['bash', 'zsh', 'fish'])('prints a script for %s', async (shell) => {
    const { code, out } = await run('completion', shell);
    expect([code, out]).toEqual([0, expect.stringContaining('tidemark complete --')]);
  });

  it('knows commands and options', async () => {
    expect((await run('complete', '--', 'inv')).out).toMatch(/^invalidate\t/);
    expect((await run('complete', '--', 'dead-letters', '')).out).toMatch(/^replay\t/m);
    expect((await run('complete', '--', 'tail', '--')).out).toMatch(/^--keyspace\t/m);
  });

  it('of another shell is a wrong usage', async () => {
    const { code, err } = await run('completion', 'tcsh', '--json');
    expect([code, JSON.parse(err)]).toMatchObject([2, { error: { code: 'E_USAGE' } }]);
  });
});

describe('regions check', () => {
  it('shows where region files lead', async () => {
    const { code, out } = await run('regions', 'check', '--regions', `${ROOT}regions/local`, '--json');
    const { regions } = JSON.parse(out) as { regions: readonly { region: string; redis: string }[] };
    expect([code, regions.map(({ region }) => region)]).toEqual([0, ['us-east', 'ap-south', 'eu-west']]);
    expect(regions[0]!.redis).toBe('127.0.0.1:6379');
    expect((await run('regions', 'check', '--regions', `${ROOT}regions/local`)).out).toContain('in order');
  });

  it.each([
    [['--regions', '/nonexistent'], 'E_REGION_UNREADABLE'],
    [[], 'E_USAGE'],
  ])('bad input, %j: %s', async (args, code) => {
    const { code: exit, err } = await run('regions', 'check', ...args, '--json');
    expect([exit, JSON.parse(err)]).toMatchObject([2, { error: { code } }]);
  });
});
