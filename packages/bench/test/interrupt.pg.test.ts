import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, it, vi } from 'vitest';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

interface Process {
  readonly pid: string;
  readonly parent: string;
  readonly command: string;
}

/** All that run; those that ended and that nobody asked about are left out. */
async function processes(): Promise<Process[]> {
  const out = await new Promise<string>((resolve) => {
    execFile('ps', ['-eo', 'pid=,ppid=,stat=,comm='], (_, stdout) => resolve(stdout));
  });
  return out
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , state]) => !state!.startsWith('Z'))
    .map(([pid, parent, , command]) => ({ pid: pid!, parent: parent!, command: command! }));
}

/** Processes below one. */
async function descendants(pid: number): Promise<Process[]> {
  const all = await processes();
  const below = [String(pid)];
  const found: Process[] = [];
  for (let parent = below.pop(); parent !== undefined; parent = below.pop()) {
    const children = all.filter((each) => each.parent === parent);
    found.push(...children);
    below.push(...children.map((each) => each.pid));
  }
  return found;
}

it('Ctrl-C ends a benchmark with what was measured so far, and leaves no server behind', async () => {
  const args = ['--import', 'tsx', '--conditions=@tidemark/source', MAIN];
  const child = spawn(
    process.execPath,
    [...args, '--only', 'propagation-region', '--rounds', '1000', '--json'],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const said = text(child.stdout);
  let servers: Process[] = [];
  await vi.waitFor(
    async () => {
      servers = await descendants(child.pid!);
      for (const name of ['redis-server', 'nats-server'])
        expect(servers.map(({ command }) => command)).toContain(name);
    },
    { timeout: 30_000, interval: 50 },
  );
  child.kill('SIGINT');
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  expect(await exited).toEqual([130, null]);
  const left = async (): Promise<Process[]> => {
    const pids = new Set(servers.map(({ pid }) => pid));
    return (await processes()).filter(({ pid }) => pids.has(pid));
  };
  // What watches over the servers sees a moment later that there is nothing to watch.
  await vi.waitFor(async () => expect(await left()).toEqual([]), { timeout: 10_000, interval: 50 });
  const { scenarios } = JSON.parse(await said) as { scenarios: { name: string }[] };
  expect(scenarios.map(({ name }) => name)).toEqual(['propagation-region']);
}, 60_000);
