import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

interface Held {
  readonly pid: number;
  readonly dir: string;
  readonly port: number;
}

const FIXTURE = fileURLToPath(new URL('./fixtures/holder.ts', import.meta.url));
let watchdogs: string;
let child: ChildProcess;

beforeEach(() => {
  watchdogs = mkdtempSync(join(tmpdir(), 'tidemark-leftovers-'));
});

afterEach(() => {
  child.kill('SIGKILL');
  rmSync(watchdogs, { recursive: true, force: true });
});

/** Runs the fixture until it says what it holds. */
async function hold(...args: string[]): Promise<Held[]> {
  const node = ['--import', 'tsx', '--conditions=@tidemark/source', FIXTURE, ...args];
  const env = { ...process.env, TIDEMARK_WATCHDOG_DIR: watchdogs };
  child = spawn(process.execPath, node, { stdio: ['ignore', 'pipe', 'ignore'], env, detached: true });
  const [line] = (await once(child.stdout!, 'data')) as [Buffer];
  const held = JSON.parse(line.toString()) as Held[];
  expect(held).toHaveLength(3);
  return held;
}

function isRunning(pid: number): boolean {
  try {
    // A zombie is only a name: containers often have no init to bury it.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return existsSync('/proc') ? false : processExists(pid);
  }
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function expectNothingLeft(held: readonly Held[]): Promise<void> {
  await vi.waitFor(() => expect(readdirSync(watchdogs)).toEqual([]), { timeout: 15_000 });
  expect(held.filter(({ pid }) => isRunning(pid))).toEqual([]);
  expect(held.filter(({ dir }) => existsSync(dir))).toEqual([]);
  expect(held.filter(({ port }) => existsSync(join(tmpdir(), `tidemark-port-${port}`)))).toEqual([]);
  // Backends name their postmaster's folder in their environment or arguments only; ask for the parent.
  expect(held.flatMap(({ pid }) => childrenOf(pid))).toEqual([]);
}

function childrenOf(pid: number): string[] {
  const rows = execFileSync('ps', ['-eo', 'ppid=,pid=,args=']).toString().split('\n');
  return rows.filter((row) => row.trim().startsWith(`${pid} `));
}

it.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)('leaves nothing after %s', async (signal) => {
  const held = await hold();
  expect(held.every(({ pid, dir }) => isRunning(pid) && existsSync(dir))).toBe(true);
  child.kill(signal);
  await expectNothingLeft(held);
});

it('leaves nothing after Ctrl-C in a terminal, which every process of the group hears', async () => {
  const held = await hold();
  process.kill(-child.pid!, 'SIGINT');
  await expectNothingLeft(held);
});

it.each(['paused', 'throws', 'closes'])('leaves nothing of a process that %s', async (what) => {
  const held = await hold(what);
  if (what === 'paused') child.kill('SIGKILL');
  await expectNothingLeft(held);
});
