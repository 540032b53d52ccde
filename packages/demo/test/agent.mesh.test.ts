import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { items, type OpenNode, Regions } from './regions-harness.ts';

const WAIT = { timeout: 30_000, interval: 20 };
const NO_ROLES = { roles: { relay: false, applier: false } } as const;
const CLI = fileURLToPath(new URL('../../cli/test/run-cli.ts', import.meta.url));
const NODE_ARGS = ['--import', 'tsx', '--conditions=@tidemark/source', CLI];

let regions: Regions;
let dir: string;
let us: OpenNode;
let eu: OpenNode;
const agents: ChildProcess[] = [];

beforeAll(async () => {
  regions = await Regions.start(['us', 'eu']);
  dir = await mkdtemp(join(tmpdir(), 'tidemark-cli-'));
  for (const id of ['us', 'eu']) {
    const { redis, nats, postgres } = regions.addresses(id);
    const file = {
      id,
      role: id === 'us' ? 'home' : 'replica',
      endpoints: { redis, nats: nats[id], postgres },
      peers: [{ id: id === 'us' ? 'eu' : 'us', roundTripMs: 0 }],
    };
    await writeFile(join(dir, `${id}.json`), JSON.stringify(file));
  }
});
beforeEach(async () => {
  await regions.sql(1, 'old');
  us = await regions.node('us', NO_ROLES);
  eu = await regions.node('eu', NO_ROLES);
});
afterEach(async () => {
  for (const agent of agents.splice(0)) agent.kill('SIGKILL');
  await regions.closeNodes();
});
afterAll(async () => {
  await regions.close();
  await rm(dir, { recursive: true });
});

const place = (region: string): string[] => [
  '--regions',
  dir,
  '--region',
  region,
  '--source',
  'test',
  '--json',
];

/** Starts an agent, and tells of the roles it has. */
async function agent(region: string): Promise<{ readonly child: ChildProcess; readonly roles: Set<string> }> {
  const child = spawn(process.execPath, [...NODE_ARGS, 'agent', ...place(region)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  agents.push(child);
  const roles = new Set<string>();
  const lines = createInterface(child.stdout!);
  const ready = once(lines, 'line');
  lines.on('line', (line) => {
    const event = JSON.parse(line) as { type: string; role: string; leading: boolean };
    if (event.type === 'role') roles[event.leading ? 'add' : 'delete'](event.role);
  });
  expect(JSON.parse(((await ready) as [string])[0])).toMatchObject({ type: 'ready', region });
  return { child, roles };
}

async function cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [...NODE_ARGS, ...args], (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out, err }),
    );
  });
}

async function follows(value: string): Promise<void> {
  await us.node.write((tx) => tx.query('update items set value = $1 where id = 1', [value]));
  await vi.waitFor(async () => {
    const result = await eu.node.read(items, { id: 1 });
    expect([result.value?.value, result.tier]).toEqual([value, 'l1']);
  }, WAIT);
}

it('keeps regions coherent whose services offer no roles; killed or ended, another takes over', async () => {
  const [first, other] = [await agent('us'), await agent('eu')];
  await follows('one');
  await vi.waitFor(
    () => expect([...first.roles, ...other.roles].toSorted()).toEqual(['applier', 'applier', 'relay']),
    WAIT,
  );
  const second = await agent('eu');
  other.child.kill('SIGKILL');
  await vi.waitFor(() => expect(second.roles.has('applier')).toBe(true), WAIT);
  await follows('two');
  const third = await agent('eu');
  second.child.kill('SIGTERM');
  expect((await once(second.child, 'exit'))[0]).toBe(0);
  await vi.waitFor(() => expect(third.roles.has('applier')).toBe(true), WAIT);
  await follows('three');
});

it('shows a row that can not be applied, and gives it up only when told twice', async () => {
  await agent('us');
  await agent('eu');
  await follows('before');
  await regions.admin.query(
    `insert into tidemark.versions values ('Not A Key', nextval('tidemark.version_seq'), pg_current_xact_id(), now(), false)`,
  );
  await vi.waitFor(async () => {
    const { code, out } = await cli('dead-letters', 'list', ...place('eu'));
    expect([code, out]).toEqual([0, expect.stringContaining('"key":"Not A Key"')]);
  }, WAIT);
  expect(await cli('dead-letters', 'discard', ...place('eu'))).toMatchObject({
    code: 2,
    err: expect.stringContaining('--yes') as string,
  });
  await regions.admin.query(`delete from tidemark.versions where key = 'Not A Key'`);
  await vi.waitFor(async () => {
    expect(JSON.parse((await cli('dead-letters', 'list', ...place('eu'))).out)).toEqual({ letters: [] });
  }, WAIT);
});

it('says what is wrong with its configuration, with a code', async () => {
  expect(await cli('agent', '--regions', dir, '--region', 'nowhere', '--source', 'test')).toMatchObject({
    code: 2,
    err: expect.stringContaining('E_REGION_UNKNOWN') as string,
  });
  expect((await cli('agent', '--region', 'eu')).code).toBe(2);
  expect((await cli('agent', '--help')).out).toContain('Examples:');
});
