import { access, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { startPostgres, startPostgresStandby, startProxy } from '@tidemark/testbed';
import { testDatabase } from './database.ts';

const run = promisify(execFile);

describe('the era', () => {
  it('rises once when the database is another one than it was, however many notice', async () => {
    await using database = await testDatabase();
    await database.pool.query('UPDATE tidemark.meta SET system_identifier = 1');
    const eras = await Promise.all(
      Array.from({ length: 6 }, async () => (await database.source({ poolMax: 1 }).labels([])).asOf.era),
    );
    expect(new Set(eras)).toEqual(new Set([2]));
  });

  it('follows the timeline, so that two restores of one backup differ', async () => {
    await using database = await testDatabase();
    await database.pool.query('UPDATE tidemark.meta SET timeline = 9');
    expect((await database.source().labels([])).asOf.era).toBe(2);
    await database.pool.query('UPDATE tidemark.meta SET timeline = 0, era = -5');
    expect((await database.source().labels([])).asOf.era).toBe(1);
  });

  it('is read with every answer', async () => {
    await using database = await testDatabase();
    const source = database.source();
    await source.labels([]);
    await database.pool.query('SELECT tidemark.raise_era()');
    expect((await source.labels([])).asOf.era).toBe(2);
    expect((await source.changes(null, { limit: 1 })).horizon.era).toBe(2);
    const { invalidations } = await source.transaction(async (_tx, bump) => bump('item:1'));
    expect(invalidations[0]?.version.era).toBe(2);
  });

  it('rises over a dump of another server, whose ids and versions mean nothing here', async () => {
    await using database = await testDatabase();
    await database.pool.query(
      `INSERT INTO tidemark.versions VALUES ('item:1', 5000000, '900000000', now(), false);
       UPDATE tidemark.meta SET system_identifier = 1, xid = '900000000'`,
    );
    const source = database.source();
    const { horizon } = await source.changes(null, { limit: 10 });
    const before = (await source.labels(['item:1'])).versions[0]!;
    expect(before).toEqual({ era: 2, n: 5_000_000 });
    const { invalidations } = await source.transaction(async (_tx, bump) => bump('item:1'));
    expect(invalidations[0]!.version.n).toBeGreaterThan(5_000_000);
    const page = await source.changes(horizon, { limit: 10 });
    expect(page.changes).toEqual(invalidations);
    expect(page.horizon.xid).toBeLessThan(900_000_000);
  });

  it('rises after a restore from a copy of the volume that nobody announced', async () => {
    await using database = await testDatabase();
    const { server } = database;
    const source = database.source();
    await source.transaction(async (_tx, bump) => bump('item:kept'));
    const data = join(server.dir, 'data');
    await server.stop();
    await run('cp', ['-a', data, `${data}.backup`]);
    await server.start();
    await vi.waitFor(() => source.labels([]));
    for (let count = 0; count < 20; count += 1)
      await source.transaction(async (_tx, bump) => bump('item:abandoned'));
    const { horizon } = await source.changes(null, { limit: 10 });
    const [abandoned] = (await source.labels(['item:abandoned'])).versions;
    await server.stop();
    await rm(data, { recursive: true });
    await rename(`${data}.backup`, data);
    await server.start();
    await vi.waitFor(() => source.labels([]));
    const page = await source.changes(horizon, { limit: 10 });
    expect(page.horizon.era).toBe(horizon.era + 1);
    const [again] = (await source.labels(['item:abandoned'])).versions;
    expect(again).toEqual({ era: horizon.era + 1, n: 0 });
    expect(abandoned?.era).toBe(horizon.era);
  });

  it('rises with the timeline of a recovery to a point in time, though it has overtaken every reader', async () => {
    const settings = {
      archive_mode: 'on',
      archive_command: 'mkdir -p ../../archive && cp %p ../../archive/%f',
    };
    await using server = await startPostgres({ settings });
    await using database = await testDatabase(server);
    const source = database.source();
    const bump = async (key: string): Promise<void> => {
      await source.transaction(async (_tx, bumping) => bumping(key));
    };
    const backup = await server.backUp();
    await bump('item:kept');
    await database.pool.query(`SELECT pg_create_restore_point('kept')`);
    await bump('item:abandoned');
    const { horizon } = await source.changes(null, { limit: 10 });
    const { rows } = await database.pool.query<{ name: string }>(
      'SELECT pg_walfile_name(pg_switch_wal()) AS name',
    );
    const archive = join(server.dir, 'archive');
    await vi.waitFor(() => access(join(archive, rows[0]!.name)), { timeout: 20_000, interval: 20 });
    await server.stop();
    await server.restore(backup, { recovery: { archive, restorePoint: 'kept' } });
    await server.start();
    // Writers that don't know Tidemark go first: by ids alone nobody could tell.
    await vi.waitFor(
      async () => {
        for (let count = 0; count < 50; count += 1)
          await database.pool.query(`SELECT tidemark.bump(ARRAY['item:later'])`);
      },
      { timeout: 20_000, interval: 50 },
    );
    const page = await vi.waitFor(() => source.changes(horizon, { limit: 100 }), { timeout: 10_000 });
    expect(page.horizon.era).toBe(2);
    const { versions } = await source.labels(['item:kept', 'item:abandoned']);
    expect(versions.map(({ era }) => era)).toEqual([2, 2]);
    expect(versions[0]!.n).toBeGreaterThan(0);
    expect(versions[1]!.n).toBe(0);
    await bump('item:abandoned');
    expect((await source.labels(['item:abandoned'])).versions[0]!.n).toBeGreaterThan(0);
  });

  it('rises with the timeline of a standby that was promoted without the last commits', async () => {
    await using database = await testDatabase();
    await using path = await startProxy({ target: database.server });
    await using standby = await startPostgresStandby(path);
    await standby.caughtUp();
    path.cut('blackhole');
    const old = database.source();
    await old.transaction(async (_tx, bump) => bump('item:lost'));
    const { horizon } = await old.changes(null, { limit: 10 });
    await standby.promote();
    const url = Object.assign(new URL(database.url), { port: String(standby.port) }).href;
    const promoted = database.source({ connectionString: url });
    const page = await promoted.changes(horizon, { limit: 10 });
    expect([page.horizon.era, page.changes]).toEqual([2, []]);
    expect((await promoted.labels(['item:lost'])).versions).toEqual([{ era: 2, n: 0 }]);
    // The old server knows nothing of it.
    expect((await old.labels(['item:lost'])).asOf.era).toBe(1);
    await promoted.close();
  });
});
