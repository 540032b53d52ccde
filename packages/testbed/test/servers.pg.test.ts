import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../src/index.ts';
import { needBinary } from '../src/find-binary.ts';
import { findPostgres, unprivilegedUser } from '../src/postgres-binaries.ts';
import { launchPostgres } from '../src/postgres.ts';

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres({ settings: { work_mem: '5MB' } });
});

afterAll(() => server.close());

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function setting(name: string): Promise<unknown> {
  return (await query(server.url, `show ${name}`))[0]?.[name];
}

it('runs with the settings of deploy/, throw-away durability, and those given', async () => {
  expect(await setting('max_connections')).toBe('200');
  expect(await setting('fsync')).toBe('off');
  expect(await setting('work_mem')).toBe('5MB');
  expect(await setting('listen_addresses')).toBe('127.0.0.1');
});

it('creates fresh databases, also with odd names and at the same time', async () => {
  const urls = await Promise.all([
    server.createDatabase(),
    server.createDatabase(),
    server.createDatabase('a "b" C'),
  ]);
  expect(new Set(urls).size).toBe(3);
  expect(urls[0]).toMatch(new RegExp(`^postgres://postgres@127\\.0\\.0\\.1:${server.port}/test_`));
  expect(await query(urls[2]!, 'select current_database() as name')).toEqual([{ name: 'a "b" C' }]);
  await query(urls[0]!, 'create table t (id int)');
  await query(urls[1]!, 'create table t (id int)');
  await expect(server.createDatabase('a "b" C')).rejects.toThrow(/already exists/);
});

it('keeps committed rows across a stop and a kill, and starts as new when wiped', async () => {
  const url = await server.createDatabase('kept');
  await query(url, 'create table t as select 1 as id');
  for (const end of ['stop', 'kill'] as const) {
    await server[end]();
    await server.start();
    expect(await query(url, 'select id from t')).toEqual([{ id: 1 }]);
  }
  await server.stop();
  await server.wipe();
  await server.start();
  await expect(query(url, 'select 1')).rejects.toThrow(/database "kept" does not exist/);
});

it('is another system each time, though clusters are copies: a copy must not pass for its origin', async () => {
  await using other = await startPostgres();
  const sql = 'select system_identifier::text as id from pg_control_system()';
  expect(await query(other.url, sql)).not.toEqual(await query(server.url, sql));
});

it('stops although a client is connected and idle in a transaction', async () => {
  const client = new pg.Client({ connectionString: server.url });
  client.on('error', () => {});
  await client.connect();
  await client.query('begin');
  await server.stop();
  await server.start();
});

it('leaves no folder and no shared memory when it is killed and closed', async () => {
  const before = sharedMemory();
  const other = await startPostgres();
  await query(other.url, 'select 1');
  await other.kill();
  await other.close();
  expect(existsSync(other.dir)).toBe(false);
  // Other test files start and stop servers at the same time.
  expect(sharedMemory().filter((segment) => segment.endsWith(' 0') && !before.includes(segment))).toEqual([]);
});

it('runs the Postgres of the npm package when the machine has none', async () => {
  const runAs = await unprivilegedUser();
  const binaries = await findPostgres(runAs, []);
  await using other = await launchPostgres(binaries, runAs, {});
  const [row] = await query(await other.createDatabase(), 'select version()');
  const version = execFileSync(binaries.postgres, ['--version']).toString();
  expect(version).toMatch(/^postgres \(PostgreSQL\) \d+/);
  expect(row?.['version']).toContain(version.match(/[\d.]+/)![0]);
});

it('says what to install when there is no program', async () => {
  await expect(needBinary('no-such-server')).rejects.toThrow(
    /no-such-server is not installed.*apt-get.*brew/,
  );
});

/** System V segments and the number of processes attached to each. */
function sharedMemory(): string[] {
  if (!readdirSync('/proc/sysvipc').includes('shm')) return [];
  const rows = execFileSync('ipcs', ['-m'])
    .toString()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return rows.filter(([key]) => key?.startsWith('0x')).map((row) => `${row[1]} ${row[5]}`);
}
