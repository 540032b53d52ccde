import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { program } from '../src/main.ts';
import { leaves } from './leaves.ts';
import { shellWords } from './shell-words.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Has the real parser take a command, and nothing done. In prose the place may be left out. */
function parse(words: readonly string[], { inProse = false } = {}): string {
  const root = program();
  let taken = '';
  for (const { words: name, command } of leaves(root)) {
    command.action(() => void (taken = name.join(' ')));
    if (inProse) for (const each of [...command.options, ...command.registeredArguments]) leaveOut(each);
  }
  root.parse(['node', ...words]);
  return taken;
}

function leaveOut(each: Command['options'][number] | Command['registeredArguments'][number]): void {
  if ('mandatory' in each) each.mandatory = false;
  else each.required = false;
}

/** What a shell would run: without its environment, and what takes its output. */
function commandIn(line: string): string[] {
  const [, inside] = /^source <\((.*)\)$/.exec(line) ?? [];
  return shellWords((inside ?? line).replace(/^(?:[A-Z_]+=\S+ )+/, '').replace(/ > .*$/, ''));
}

describe('--help', () => {
  it.each(leaves(program()))('$words: its examples are understood as they stand', ({ words, command }) => {
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    const [, examples = ''] = help.split(/^Examples?:\n/m);
    const lines = examples.split('\n').filter((line) => line.trim() !== '');
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(() => parse(commandIn(line.trim())), line).not.toThrow();
    expect(lines.map((line) => parse(commandIn(line.trim())))).toContain(words.join(' '));
  });
});

const filesIn = (folder: string): string[] =>
  readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`);
const PAGES = [
  'README.md',
  ...[...filesIn('docs'), ...filesIn('deploy')].filter((name) => /\.(md|ya?ml|service)$/.test(name)),
  ...readdirSync(`${ROOT}packages`).map((name) => `packages/${name}/README.md`),
];

/** Commands in code blocks and scripts, each whole; and what prose says, which may leave the place out. */
function commandsIn(page: string): { text: string; inProse: boolean }[] {
  const text = readFileSync(`${ROOT}${page}`, 'utf8').replaceAll('\\\n', ' ');
  const lines = [...text.matchAll(/(?:^|npx )(tidemark [a-z-]+ [^\n#;`]*)/gm)].map(([, command]) => command!);
  const prose = [...text.matchAll(/`(tidemark [^`\n]*)`/g)].map(([, command]) => command!);
  return [
    ...lines.map((each) => ({ text: each, inProse: false })),
    ...prose.map((each) => ({ text: each, inProse: true })),
  ];
}

describe('docs', () => {
  it.each(PAGES)('%s: commands are understood', (page) => {
    for (const { text, inProse } of commandsIn(page)) {
      if (text.includes('COMMAND') || text.includes('\\n')) continue; // Any command; the first bytes of a file.
      const filled = text.replaceAll(/ (…|\$\w+)(?= |$)/g, '').replaceAll(/\$\{?\w+\}?/g, '0');
      const words = shellWords(filled);
      expect(() => parse(words, { inProse }), text).not.toThrow();
    }
  });

  it('there are commands in them', () => {
    expect(PAGES.flatMap(commandsIn).length).toBeGreaterThan(60);
  });
});
