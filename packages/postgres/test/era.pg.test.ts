import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
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
});
