import { existsSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import {
  type PostgresServer,
  type PostgresStandby,
  startPostgres,
  startPostgresStandby,
} from '../src/index.ts';

const WAIT = { timeout: 20_000, interval: 20 };

let primary: PostgresServer;
let standby: PostgresStandby;

beforeAll(async () => {
  primary = await startPostgres({
    settings: {
      archive_mode: 'on',
      // Its working folder is the cluster.
      archive_command: 'mkdir -p ../archive && cp %p ../archive/%f',
    },
  });
  await query(primary, 'create table t (id int)');
  standby = await startPostgresStandby(primary);
});
afterAll(async () => {
  await standby?.close();
  await primary.close();
});

async function query({ url }: { readonly url: string }, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array' });
    return rows.map(([value]) => value);
  } finally {
    await client.end();
  }
}

const count = async (server: { readonly url: string }): Promise<unknown> =>
  Number((await query(server, 'select count(*) from t'))[0]);

it('follows its primary, and refuses writes', async () => {
  await query(primary, 'insert into t values (1)');
  await standby.caughtUp();
  expect(await count(standby)).toBe(1);
  await expect(query(standby, 'insert into t values (2)')).rejects.toThrow(/read-only/);
});

it('stands still while its replay is paused', async () => {
  await standby.pauseReplay();
  await query(primary, 'insert into t values (2)');
  await vi.waitFor(async () => {
    const sql = 'select pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()';
    expect(await query(standby, sql)).toEqual([true]);
  }, WAIT);
  expect(await count(standby)).toBe(1);
  await standby.resumeReplay();
  await standby.caughtUp();
  expect(await count(standby)).toBe(2);
});

it('goes on where it was after a kill', async () => {
  await standby.kill();
  await query(primary, 'insert into t values (3)');
  await standby.start();
  await standby.caughtUp();
  expect(await count(standby)).toBe(3);
});

it('is a primary of its own once promoted, also after a restart', async () => {
  const second = await startPostgresStandby(primary);
  await second.promote();
  await query(second, 'insert into t values (4)');
  await second.stop();
  await second.start();
  expect([await count(second), await count(primary)]).toEqual([4, 3]);
  const timeline = 'select timeline_id from pg_control_checkpoint()';
  await query(second, 'checkpoint');
  expect([await query(second, timeline), await query(primary, timeline)]).toEqual([[2], [1]]);
  const { dir } = second;
  await second.close();
  expect(existsSync(dir)).toBe(false);
});

it('is restored to a backup, or to a point between', async () => {
  await query(primary, 'delete from t');
  const backup = await primary.backUp();
  await query(primary, 'insert into t values (1)');
  await query(primary, `select pg_create_restore_point('one')`);
  await query(primary, 'insert into t values (2)');
  const segment = String((await query(primary, 'select pg_walfile_name(pg_switch_wal())'))[0]);
  const archive = join(primary.dir, 'data/archive');
  await vi.waitFor(() => expect(existsSync(join(archive, segment))).toBe(true), WAIT);

  await using restored = await startPostgres();
  await restored.stop();
  await restored.restore(backup);
  await restored.start();
  expect(await count(restored)).toBe(0);
  await restored.stop();
  await restored.restore(backup, { recovery: { archive, restorePoint: 'one' } });
  await restored.start();
  await vi.waitFor(
    async () => expect(await query(restored, 'select pg_is_in_recovery()')).toEqual([false]),
    WAIT,
  );
  expect(await count(restored)).toBe(1);
});
