import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, it, vi } from 'vitest';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** Processes below one: their commands by id. */
async function descendants(pid: number): Promise<Map<number, string>> {
  const out = await new Promise<string>((resolve) => {
    execFile('ps', ['-eo', 'pid=,ppid=,comm='], (_, stdout) => resolve(stdout));
  });
  const rows = out
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  const found = new Map<number, string>();
  const below = [String(pid)];
  for (let parent = below.pop(); parent !== undefined; parent = below.pop()) {
    for (const [child, of, command] of rows) {
      if (of !== parent) continue;
      below.push(child!);
      found.set(Number(child), command!);
    }
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
  let servers = new Map<number, string>();
  await vi.waitFor(
    async () => {
      servers = await descendants(child.pid!);
      for (const name of ['redis-server', 'nats-server']) expect([...servers.values()]).toContain(name);
    },
    { timeout: 30_000, interval: 50 },
  );
  child.kill('SIGINT');
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  expect(await exited).toEqual([130, null]);
  for (const pid of servers.keys()) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  const { scenarios } = JSON.parse(await said) as { scenarios: { name: string }[] };
  expect(scenarios.map(({ name }) => name)).toEqual(['propagation-region']);
}, 60_000);
