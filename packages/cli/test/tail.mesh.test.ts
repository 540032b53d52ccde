import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { tag } from '@tidemark/core';
import { migrate, SCHEMA_VERSION } from '@tidemark/postgres';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ensureBuild } from '../../testbed/bin/bootstrap.mjs';
import { run } from './run.ts';
import { ThreeRegions, WAIT } from './three-regions.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });
const CLI = fileURLToPath(new URL('../bin/tidemark.mjs', import.meta.url));
let regions: ThreeRegions;
let child: ChildProcess | undefined;
beforeAll(async () => {
  await ensureBuild();
  regions = await ThreeRegions.start();
});
afterEach(() => void child?.kill('SIGKILL'));
afterAll(() => regions.close());

interface Event {
  readonly type: string;
  readonly region: string;
  readonly key: string;
  readonly version: { readonly n: number };
  readonly reason: string;
}

/** A process, so that it can be told to end. Resolves when it follows. */
async function tail(
  ...args: string[]
): Promise<{ events: Event[]; end: (signal: NodeJS.Signals) => Promise<unknown> }> {
  const started = spawn(process.execPath, [CLI, 'tail', ...args, ...regions.place, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child = started;
  const events: Event[] = [];
  createInterface(started.stdout).on('line', (line) => void events.push(JSON.parse(line) as Event));
  await vi.waitFor(() => expect(events.map(({ type }) => type)).toContain('following'), WAIT);
  return {
    events,
    async end(signal) {
      const exited = once(started, 'close');
      started.kill(signal);
      return (await exited)[0];
    },
  };
}

describe('tail', () => {
  it('shows what writers and the relay say, filtered, until Ctrl-C; a region that is cut off is told', async () => {
    regions.cut('ap');
    const { events, end } = await tail('--key', 'item:1*', '--timeout', '500ms');
    expect(events).toContainEqual(expect.objectContaining({ type: 'away', region: 'ap' }));
    await regions.write(2, 'not asked for');
    await regions.write(11, 'one');
    const { versions } = await regions.members.us.source.labels(['item:11']);
    await vi.waitFor(() => {
      const about = events.filter(({ key }) => key !== undefined);
      expect(new Set(about.map(({ key }) => key))).toEqual(new Set(['item:11']));
      expect(about).toContainEqual(
        expect.objectContaining({ type: 'bump', region: 'us', version: versions[0] }),
      );
      expect(about.map(({ type }) => type)).toContain('change');
    }, WAIT);
    regions.heal('ap');
    await vi.waitFor(
      () => expect(events).toContainEqual(expect.objectContaining({ type: 'gap', region: 'ap' })),
      WAIT,
    );
    // Its own process may still be finding its way back: then the relay tells of the write, elsewhere.
    await vi.waitFor(
      async () => {
        await regions.members.ap.node.write((tx) => tx.query(`update items set value = 'two' where id = 11`));
        expect(events).toContainEqual(
          expect.objectContaining({ type: 'bump', region: 'ap', key: 'item:11' }),
        );
      },
      { ...WAIT, interval: 100 },
    );
    expect(await end('SIGINT')).toBe(0);
  });

  it('ends by itself after --limit events of the wanted kinds', async () => {
    const ending = run(
      'tail',
      '--limit',
      '2',
      '--keyspace',
      'tag',
      '--type',
      'bump',
      'change',
      ...regions.place,
    );
    const timer = setInterval(() => {
      void regions.members.eu.node.write(async (tx) => tx.invalidateTag('a'));
    }, 100);
    try {
      const { code, out, err } = await ending;
      expect([code, err]).toEqual([0, 'follows us, ap, eu; Ctrl-C ends\n']);
      const lines = out.trimEnd().split('\n');
      expect(lines).toHaveLength(2);
      for (const line of lines) expect(line).toMatch(new RegExp(`(bump|change)  ${tag('a')} at 1\\.\\d+$`));
    } finally {
      clearInterval(timer);
    }
  });

  it('ends by itself after --for', async () => {
    const { code, out } = await run('tail', '--for', '1s', '--type', 'barrier', ...regions.place, '--json');
    const types = new Set(
      out
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as Event).type),
    );
    expect([code, types]).toEqual([0, new Set(['following', 'barrier'])]);
  });
});

describe('postgres', () => {
  it('migrate, track, status and untrack', async () => {
    await regions.admin.query('create database fresh');
    const url = Object.assign(new URL(regions.url), { pathname: '/fresh' }).href;
    const at = ['--url', url, '--json'];
    const status = async (): Promise<[number, Record<string, unknown>]> => {
      const { code, out } = await run('postgres', 'status', ...at);
      return [code, JSON.parse(out) as Record<string, unknown>];
    };
    expect(await status()).toMatchObject([3, { version: 0, tables: null }]);
    const migrated = await run('postgres', 'migrate', ...at);
    expect([migrated.code, JSON.parse(migrated.out)]).toMatchObject([
      0,
      { applied: Array.from({ length: SCHEMA_VERSION }, (_, i) => i + 1) },
    ]);
    expect(JSON.parse((await run('postgres', 'migrate', ...at)).out)).toMatchObject({ applied: [] });
    const pool = new pg.Pool({ connectionString: url, max: 1 });
    pool.on('error', () => {});
    try {
      await pool.query('create table pages (site text, path text, primary key (site, path))');
      const key = ['--keyspace', 'page', '--key', 'site', 'digest:path'];
      expect(await run('postgres', 'track', 'pages', ...key, ...at)).toMatchObject({ code: 0, err: '' });
      const tracked = [{ table: 'pages', keyspace: 'page', keys: ['site', { digest: 'path' }] }];
      expect(await status()).toMatchObject([
        0,
        { version: SCHEMA_VERSION, tables: tracked, problems: [], source: { isReplica: false } },
      ]);
      await pool.query('alter table pages disable trigger user');
      expect(await status()).toMatchObject([
        3,
        { problems: Array.from({ length: 4 }, () => ({ problem: 'disabled' })) },
      ]);
      expect(await run('postgres', 'untrack', 'pages', '--keyspace', 'page', ...at)).toMatchObject({
        code: 0,
      });
      expect(await status()).toMatchObject([0, { tables: [] }]);
      expect(await migrate(pool)).toEqual([]);
    } finally {
      await pool.end();
    }
    const home = await run('postgres', 'status', '--regions', regions.dir);
    expect(home.out).toMatch(/^items +item +id$/m);
  });

  it.each([
    [['status'], 'E_USAGE'],
    [['track', 'nothing', '--keyspace', 'a', '--key', 'id'], 'E_TRACK_TABLE'],
    [['track', 'items', '--keyspace', 'a', '--key', 'none'], 'E_TRACK_COLUMN'],
    [['track', 'items', '--keyspace', 'No', '--key', 'id'], 'E_TRACK_KEYSPACE'],
    [['track', 'items', '--keyspace', 'a'], 'E_USAGE'],
    [['untrack', 'nothing', '--keyspace', 'a'], 'E_TRACK_TABLE'],
    [['status', '--region', 'nowhere'], 'E_REGION_UNKNOWN'],
    [['status', '--url', 'postgres://postgres@127.0.0.1:1/x'], 'E_SOURCE_UNAVAILABLE'],
  ])('bad input, %j: %s', async (args, code) => {
    const place = args.length === 1 ? [] : ['--regions', regions.dir];
    const { code: exit, out, err } = await run('postgres', ...args, ...place, '--json');
    expect([exit, out, JSON.parse(err)]).toMatchObject([
      code === 'E_SOURCE_UNAVAILABLE' ? 1 : 2,
      '',
      { error: { code } },
    ]);
  });
});

it.each([
  [['--type', 'noise'], 'E_USAGE'],
  [['--limit', '0'], 'E_USAGE'],
  [['--for', 'ever'], 'E_CONFIGURATION'],
  [['--region', 'nowhere'], 'E_REGION_UNKNOWN'],
])('tail, bad input, %j: %s', async (args, code) => {
  const { code: exit, out, err } = await run('tail', ...args, ...regions.place, '--json');
  expect([exit, out, JSON.parse(err)]).toEqual([2, '', { error: { code, message: expect.any(String) } }]);
});
