import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { ensureBuild, ensurePage } from '../../testbed/bin/bootstrap.mjs';
import { run } from './run.ts';

const CLI = fileURLToPath(new URL('../bin/tidemark.mjs', import.meta.url));
let dir: string;
let child: ChildProcess;

beforeAll(async () => {
  await ensureBuild();
  await ensurePage();
  dir = await mkdtemp(join(tmpdir(), 'tidemark-away-'));
  // The discard port: nothing listens there.
  const endpoints = {
    redis: 'redis://127.0.0.1:9',
    nats: 'nats://127.0.0.1:9',
    postgres: 'postgres://127.0.0.1:9/x',
  };
  await writeFile(join(dir, 'us.json'), JSON.stringify({ id: 'us', role: 'home', endpoints, peers: [] }));
});

afterAll(async () => {
  child?.kill('SIGKILL');
  await rm(dir, { recursive: true });
});

it(
  'console is there while all servers are away, says so, and leaves nothing after Ctrl-C',
  { timeout: 60_000 },
  async () => {
    const flags = ['console', '--regions', dir, '--source', 'shop', '--timeout', '200ms', '--json'];
    child = spawn(process.execPath, [CLI, ...flags], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    child.stdout!.on('data', (text: Buffer) => (out += text.toString()));
    await vi.waitFor(() => expect(out).toContain('\n'), { timeout: 30_000 });
    const { type, url, port } = JSON.parse(out) as { type: string; url: string; port: number };
    expect([type, url]).toEqual([
      'ready',
      expect.stringMatching(`^http://127\\.0\\.0\\.1:${port}/#token=[\\w-]{43}$`),
    ]);
    const origin = `http://127.0.0.1:${port}`;
    expect(await (await fetch(origin)).text()).toContain('<title>Tidemark console</title>');
    const session = await fetch(`${origin}/api/session`, {
      method: 'POST',
      headers: { origin, authorization: `Bearer ${url.split('=')[1]}` },
    });
    const cookie = session.headers.get('set-cookie')!.split(';')[0]!;
    const stream = await fetch(`${origin}/api/stream`, { headers: { cookie } });
    let told = '';
    for await (const chunk of stream.body!.pipeThrough(new TextDecoderStream())) {
      told += chunk;
      if (told.includes('no region can be reached from here')) break;
    }
    expect(told).toContain('"actions":false');
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([0, null]);
    await expect(fetch(origin)).rejects.toThrow();
  },
);

it('console on a port that is none is a wrong usage', async () => {
  const { code, err } = await run(
    'console',
    '--regions',
    dir,
    '--source',
    'shop',
    '--port',
    '70000',
    '--json',
  );
  expect([code, JSON.parse(err)]).toMatchObject([2, { error: { code: 'E_USAGE' } }]);
});
