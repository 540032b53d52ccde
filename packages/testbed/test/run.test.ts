import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it, vi } from 'vitest';

const FIXTURE = fileURLToPath(new URL('./fixtures/runs.mjs', import.meta.url));
const started: ChildProcess[] = [];
let output = '';

function start(file: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
  const child = spawn(file, [...args], { stdio: ['ignore', 'pipe', 'inherit'], env });
  started.push(child);
  output = '';
  child.stdout.on('data', (text: Buffer) => (output += text.toString()));
  return child;
}

async function pidOfChild(): Promise<number> {
  await vi.waitFor(() => expect(output).toMatch(/child \d+\n/), { timeout: 10_000 });
  return Number(/child (\d+)/.exec(output)![1]);
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

it('ends with the exit code of the program', async () => {
  expect(await once(start(process.execPath, [FIXTURE, 'process.exit(3)']), 'exit')).toEqual([3, null]);
  expect(await once(start(process.execPath, [FIXTURE, '']), 'exit')).toEqual([0, null]);
  const killed = start(process.execPath, [FIXTURE, "process.kill(process.pid, 'SIGKILL')"]);
  expect(await once(killed, 'exit')).toEqual([137, null]);
});

it.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const)('hands %s on once, waits, and ends with %i', async (signal, code) => {
  const child = start(process.execPath, [FIXTURE]);
  const pid = await pidOfChild();
  const exited = once(child, 'exit');
  child.kill(signal);
  child.kill(signal);
  expect(await exited).toEqual([code, null]);
  expect(output.match(/child heard/g)).toHaveLength(1);
  expect(exists(pid)).toBe(false);
});

it('ends with the code of the first signal when its echo comes after the program has ended', async () => {
  const child = start(process.execPath, [FIXTURE]);
  await pidOfChild();
  const exited = once(child, 'exit');
  child.kill('SIGINT');
  await vi.waitFor(() => expect(output).toContain('run ended'), { timeout: 10_000 });
  child.kill('SIGINT');
  expect(await exited).toEqual([130, null]);
});

it('tells a program that ends itself alone, waits for it, and ends with its exit code', async () => {
  const program = `
    const { spawn } = require('node:child_process');
    const own = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    let told = 0;
    process.on('SIGINT', () => {
      told += 1;
      setTimeout(() => {
        console.log('told', told, 'own', own.signalCode ?? own.exitCode);
        own.kill('SIGKILL');
        process.exit(5);
      }, 300);
    });
    setInterval(() => {}, 1000);
    console.log('child ' + process.pid);
  `;
  const child = start(process.execPath, [FIXTURE, program, '10000']);
  await pidOfChild();
  const exited = once(child, 'exit');
  child.kill('SIGINT');
  child.kill('SIGINT');
  expect(await exited).toEqual([5, null]);
  expect(output).toContain('told 1 own null');
});

it('ends the program when the npm that started it is killed', async () => {
  const env = { ...process.env, npm_lifecycle_event: 'test' };
  // A shell that does not become the program, as npm's does not.
  const npm = start('sh', ['-c', '"$0" "$1"; true', process.execPath, FIXTURE], env);
  const pid = await pidOfChild();
  npm.kill('SIGKILL');
  await vi.waitFor(() => expect(output).toContain('child heard SIGTERM'), { timeout: 5_000 });
  await vi.waitFor(() => expect(exists(pid)).toBe(false), { timeout: 5_000 });
});
