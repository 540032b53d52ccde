import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkFiles } from '../src/command.ts';
import type { HistoryLine } from '../src/index.ts';
import { read, RUN, write } from './lines.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tidemark-checkers-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const CLEAN = [RUN, ...write(1, 0, 1), read(1, 2, 3)];
const BROKEN = [RUN, ...write(1, 0, 1), ...write(2, 2, 3), read(1, 4, 5)];

function textOf(lines: readonly (HistoryLine | object)[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

async function file(name: string, text: string): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, text);
  return path;
}

/** Runs the command in this process. */
async function check(
  args: readonly string[],
  stdin = '',
): Promise<{ code: number; stdout: string; stderr: string }> {
  const said = { stdout: '', stderr: '' };
  const sink = (to: 'stdout' | 'stderr'): Writable =>
    new Writable({
      write(chunk: Buffer, _, done) {
        said[to] += chunk.toString();
        done();
      },
    });
  const code = await checkFiles(args, {
    stdin: Readable.from([Buffer.from(stdin)]),
    stdout: sink('stdout'),
    stderr: sink('stderr'),
  });
  return { code, ...said };
}

describe('check-history', () => {
  it('exits with 0 when nothing is broken', async () => {
    const { code, stdout, stderr } = await check([await file('clean', textOf(CLEAN))]);
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: '1 reads, 1 writes, 0 faults: 0 violations\n',
      stderr: '',
    });
  });

  it('exits with 1 when something is, and tells what happened to the key', async () => {
    const { code, stdout, stderr } = await check([await file('broken', textOf(BROKEN))]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '1 reads, 2 writes, 0 faults: 1 violations\n' });
    expect(stderr).toContain('I2 at 0.005 s: eu-1#1 was served counter 1 of item:1');
    expect(stderr).toContain('What happened to item:1, seen from eu:');
  });

  it('judges several files, each by itself', async () => {
    const files = [await file('one', textOf(CLEAN)), await file('two', textOf(BROKEN))];
    const { code, stdout } = await check(files);
    expect(code).toBe(1);
    expect(stdout.split('\n').map((line) => line.split(': ')[0])).toEqual([...files, '']);
  });

  it('reads standard input', async () => {
    expect((await check(['-'], textOf(CLEAN))).code).toBe(0);
    expect((await check(['-'], textOf(BROKEN))).code).toBe(1);
    expect(await check(['-', '-'], textOf(CLEAN))).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/once/),
    });
  });

  it('prints one JSON document', async () => {
    const path = await file('broken', textOf([...BROKEN, { type: 'news' }]));
    const { code, stdout } = await check([path, '--json']);
    expect(code).toBe(1);
    const { files } = JSON.parse(stdout) as { files: { violations: unknown[] }[] };
    expect(files).toEqual([
      expect.objectContaining({ file: path, reads: 1, writes: 2, faults: 0, unknown: 1, violated: 1 }),
    ]);
    expect(files[0]!.violations).toHaveLength(1);
  });

  it('is what `npm run check-history` runs', { timeout: 120_000 }, async () => {
    const bin = fileURLToPath(new URL('../bin/check-history.mjs', import.meta.url));
    const child = spawn(process.execPath, [bin, '-', '--json'], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.end(textOf(BROKEN));
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ files: [{ file: '-', violated: 1 }] });
  });

  it('explains itself', async () => {
    const { code, stdout } = await check(['--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('Exit codes: 0');
  });

  it.each([
    ['nothing to judge', []],
    ['an option that there is not', ['--fast', 'x']],
    ['a file that is not there', [join(tmpdir(), 'not', 'there')]],
    ['a folder', [tmpdir()]],
  ])('exits with 2: %s', async (_, args) => {
    const { code, stdout, stderr } = await check(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).not.toBe('');
  });

  it('an unreadable file outweighs a broken one, and the others are judged all the same', async () => {
    const { code, stdout } = await check([join(dir, 'none'), await file('broken', textOf(BROKEN)), '--json']);
    expect(code).toBe(2);
    const { files } = JSON.parse(stdout) as { files: object[] };
    expect(files).toEqual([
      { file: join(dir, 'none'), error: expect.stringContaining('ENOENT') },
      expect.objectContaining({ violated: 1 }),
    ]);
  });
});

describe('a file that is no history', () => {
  const commit = { type: 'commit', key: 'k', counter: 1, write: 'w', absent: false };

  it.each<[string, string, string]>([
    ['empty', '', 'a history has exactly one line of type "run"'],
    ['two runs', textOf([RUN, RUN]), 'a history has exactly one line of type "run"'],
    ['a later format', textOf([{ ...RUN, format: 2 }]), 'with "format": 1'],
    ['no object', '[1]\n', 'line 1 is no object with a "type"'],
    [
      'a field is missing',
      textOf([RUN, { ...commit, counter: undefined }]),
      'line 2, of type "commit": "counter" is missing',
    ],
    ['a field is of another kind', textOf([RUN, { ...commit, counter: '1' }]), '"counter" is "1"'],
    ['a bound is missing', textOf([RUN, { ...read(1, 0, 1), level: 'bounded' }]), '"boundMs" is missing'],
    [
      'a value is half',
      textOf([RUN, { ...read(1, 0, 1), value: { counter: 1 } }]),
      '"value" is {"counter":1}',
    ],
    ['a type that objects have', textOf([{ type: 'toString' }]), 'exactly one line'],
  ])('%s', async (_, text, words) => {
    const { code, stderr } = await check(['-'], text);
    expect(code).toBe(2);
    expect(stderr).toContain(words);
  });

  it('but lines that are cut short, or of a later version, are left out and told of', async () => {
    const text = `{"type":"rea\n${textOf([...CLEAN, { type: 'news' }, { type: 'news' }])}{"type"`;
    const { code, stderr } = await check(['-'], text);
    expect(code).toBe(0);
    expect(stderr).toContain('2 lines are cut short');
    expect(stderr).toContain('2 "news"');
  });

  it('what never ended has an end that JSON cannot tell', async () => {
    const hung = { ...read(1, 2, Number.POSITIVE_INFINITY), outcome: 'hung', value: undefined };
    const { code, stderr } = await check(['-'], textOf([RUN, ...write(1, 0, 1), hung]));
    expect(code).toBe(1);
    expect(stderr).toContain('I10 at the end: a read of item:1 at eu-1#1 hung');
  });
});
