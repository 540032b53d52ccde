import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ensureBuild } from '../../testbed/bin/bootstrap.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const WAIT = { timeout: 60_000, interval: 20 };
const ESCAPE = '\u001B[';
vi.setConfig({ testTimeout: 90_000 });

/** A folder with the command `tidemark`, as from an installed package. */
const bin = mkdtempSync(join(tmpdir(), 'tidemark-path-'));
const cli = fileURLToPath(new URL('../bin/tidemark.mjs', import.meta.url));
writeFileSync(join(bin, 'tidemark'), `#!/bin/sh\nexec '${process.execPath}' '${cli}' "$@"\n`);
chmodSync(join(bin, 'tidemark'), 0o755);
beforeAll(ensureBuild);
afterAll(() => rmSync(bin, { recursive: true }));

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

interface Terminal {
  type(text: string): void;
  /** Resolves when the screen has shown it since the last time. */
  shows(text: string): Promise<void>;
  /** All that it showed, at its end. */
  end(): Promise<string>;
}

/** Runs a command on a terminal. */
function onTerminal(command: string, env: Readonly<Record<string, string>> = {}): Terminal {
  const args =
    process.platform === 'darwin' ? ['-q', '/dev/null', 'sh', '-c', command] : ['-qfc', command, '/dev/null'];
  const { NO_COLOR: _no, CI: _ci, FORCE_COLOR: _force, ...plain } = process.env;
  const path = `${bin}${delimiter}${process.env['PATH'] ?? ''}`;
  const child = spawn('script', args, {
    cwd: ROOT,
    env: { ...plain, PATH: path, TERM: 'xterm', HOME: bin, ...env },
  });
  children.push(child);
  let screen = '';
  let seen = 0;
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  child.stdout.on('data', (data: Buffer) => (screen += data.toString()));
  return {
    type: (text) => void child.stdin.write(text),
    shows: (text) =>
      vi.waitFor(() => {
        const at = screen.indexOf(text, seen);
        expect(at, `${text} in ${JSON.stringify(screen.slice(seen))}`).toBeGreaterThanOrEqual(0);
        seen = at + text.length;
      }, WAIT),
    async end() {
      await ended;
      return screen;
    },
  };
}

describe('completion in the shell itself', () => {
  it.each([
    ['bash', 'bash --norc -i', 'source <(tidemark completion bash)'],
    ['zsh', 'zsh -f -i', 'autoload -Uz compinit; compinit -u; source <(tidemark completion zsh)'],
  ])('%s', async (_shell, command, setUp) => {
    const terminal = onTerminal(command, { PS1: '> ' });
    // In two parts: what is typed is shown too.
    terminal.type(`${setUp}; echo set"-"up\n`);
    await terminal.shows('set-up');
    terminal.type('tidemark inv\t');
    await terminal.shows('tidemark invalidate');
  });

  it('fish', async () => {
    const asked = `tidemark completion fish | source; complete -C 'tidemark dead-letters re'; complete -C 'tidemark tail --lim'`;
    const screen = await onTerminal(`fish --no-config -c ${JSON.stringify(asked)}`).end();
    expect(screen).toContain('replay\tmends one');
    expect(screen).toContain('--limit\tend after so many');
  });
});

describe('colours', () => {
  const CHECK = 'tidemark regions check --regions regions/local';

  it('are there on a terminal, unless NO_COLOR or TERM=dumb says no', async () => {
    const screens = await Promise.all(
      [{}, { NO_COLOR: '1' }, { TERM: 'dumb' }].map((env) => onTerminal(CHECK, env).end()),
    );
    for (const screen of screens) expect(screen).toContain('the region files are in order');
    expect(screens.map((screen) => screen.includes(ESCAPE))).toEqual([true, false, false]);
  });

  it('are not in a pipe, also when the errors go to a terminal', async () => {
    const screen = await onTerminal(`${CHECK} | cat`).end();
    expect([screen.includes('in order'), screen.includes(ESCAPE)]).toEqual([true, false]);
  });
});
