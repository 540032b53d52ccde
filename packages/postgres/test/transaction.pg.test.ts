import type { SourceOfTruth, SqlExecutor } from '@tidemark/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseLabel } from '@tidemark/postgres';
import { testDatabase, type TestDatabase } from './database.ts';

let database: TestDatabase;
let source: SourceOfTruth<SqlExecutor, SqlExecutor>;
beforeAll(async () => {
  database = await testDatabase();
  source = database.source();
  await database.pool.query(
    'CREATE TABLE items (id int PRIMARY KEY, name text UNIQUE DEFERRABLE INITIALLY DEFERRED)',
  );
});
afterAll(() => database[Symbol.asyncDispose]());

describe('a version', () => {
  it.each([
    ['of a key that is new', 'order:1'],
    ['of a key that is known', 'order:4'],
  ])('is drawn under the lock of its row, so that its order is the order of commits: %s', async (_, key) => {
    await source.transaction(async (_tx, bump) => bump('order:4'));
    const [holder, waiter] = [await database.pool.connect(), await database.pool.connect()];
    await holder.query('BEGIN');
    await holder.query('SELECT tidemark.bump(ARRAY[$1])', [key]);
    const waiting = waiter.query('SELECT tidemark.bump(ARRAY[$1])', [key]);
    await expect
      .poll(async () => (await database.pool.query('SELECT 1 FROM pg_locks WHERE NOT granted')).rowCount)
      .toBeGreaterThan(0);
    await holder.query(`SELECT tidemark.bump(ARRAY['order:2'])`);
    await holder.query('COMMIT');
    await waiting;
    const { versions } = await source.labels([key, 'order:2']);
    expect(versions[0]!.n).toBeGreaterThan(versions[1]!.n);
    holder.release();
    waiter.release();
  });

  it('survives a crash wherever others can see it: a bump is never an asynchronous commit', async () => {
    const client = await database.pool.connect();
    await client.query('BEGIN; SET LOCAL synchronous_commit = off');
    await client.query(`SELECT tidemark.bump(ARRAY['order:3'])`);
    expect((await client.query('SHOW synchronous_commit')).rows).toEqual([{ synchronous_commit: 'local' }]);
    await client.query('COMMIT');
    client.release();
  });
});

describe('label()', () => {
  it('shares the snapshot of the statement that it is part of', async () => {
    await source.transaction(async (tx, bump) => {
      await tx.query(`INSERT INTO items VALUES (1, 'first')`);
      bump('item:1');
    });
    const row = await source.db.one<{ name: string; label: unknown }>(
      `SELECT i.name, tidemark.label(ARRAY['item:' || i.id]) AS label FROM items i WHERE i.id = $1`,
      [1],
    );
    expect(row.name).toBe('first');
    expect(parseLabel(row.label)).toEqual(await source.labels(['item:1']));
  });

  it('does not see a bump that commits while the statement runs', async () => {
    const before = (await source.labels(['item:1'])).versions[0];
    const client = await database.pool.connect();
    await client.query('SELECT pg_advisory_lock(42)');
    const reading = source.db.one<{ name: string; label: unknown }>(
      `SELECT (SELECT name FROM items WHERE id = 1) AS name, tidemark.label(ARRAY['item:1']) AS label
       FROM (SELECT pg_advisory_xact_lock_shared(42) OFFSET 0) AS wait`,
    );
    await expect
      .poll(async () => (await database.pool.query('SELECT 1 FROM pg_locks WHERE NOT granted')).rowCount)
      .toBeGreaterThan(0);
    await source.transaction(async (tx, bump) => {
      await tx.query(`UPDATE items SET name = 'second' WHERE id = 1`);
      bump('item:1');
    });
    await client.query('SELECT pg_advisory_unlock(42)');
    client.release();
    const { name, label } = await reading;
    expect(name).toBe('first');
    expect(parseLabel(label).versions[0]).toEqual(before);
  });

  it('that came from somewhere else is refused', () => {
    expect(() => parseLabel({ era: 'x' })).toThrow(expect.objectContaining({ code: 'E_FORMAT' }) as Error);
  });
});

describe('a transaction', () => {
  it('passes errors of its statements on unchanged, and rolls back', async () => {
    const attempt = source.transaction(async (tx, bump) => {
      bump('item:9');
      await tx.query(`INSERT INTO items VALUES (1, 'again')`);
    });
    await expect(attempt).rejects.toMatchObject({ code: '23505', table: 'items' });
    expect((await source.labels(['item:9'])).versions[0]?.n).toBe(0);
  });

  it('fails when a statement failed and the work went on regardless', async () => {
    const attempt = source.transaction(async (tx) => {
      await tx.query('SELECT 1 / 0').catch(() => {});
    });
    await expect(attempt).rejects.toMatchObject({ code: '25P02' });
  });

  it('fails when the commit is refused', async () => {
    await source.transaction((tx) => tx.query(`INSERT INTO items VALUES (20, 'unique')`));
    const attempt = source.transaction(async (tx, bump) => {
      bump('item:21');
      await tx.query(`INSERT INTO items VALUES (21, 'unique')`);
    });
    await expect(attempt).rejects.toMatchObject({ code: '23505' });
    expect((await source.labels(['item:21'])).versions[0]?.n).toBe(0);
  });

  it('runs statements that are started together one after the other', async () => {
    const { value } = await source.transaction((tx) =>
      Promise.all([1, 2, 3].map((n) => tx.one<{ n: number }>('SELECT $1::int AS n', [n]))),
    );
    expect(value).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });

  it('waits for a statement that the work did not wait for', async () => {
    await source.transaction(async (tx) => {
      void tx.query(`INSERT INTO items VALUES (30, 'forgotten')`);
    });
    expect(await source.db.maybeOne('SELECT name FROM items WHERE id = 30')).toEqual({ name: 'forgotten' });
  });

  it('refuses statements and bumps after its end', async () => {
    let leaked: SqlExecutor | undefined;
    let late: ((key: string) => void) | undefined;
    await source.transaction(async (tx, bump) => {
      [leaked, late] = [tx, bump];
    });
    await expect(leaked?.query('SELECT 1')).rejects.toMatchObject({ code: 'E_CONFIGURATION' });
    expect(() => late?.('item:1')).toThrow(expect.objectContaining({ code: 'E_CONFIGURATION' }) as Error);
  });
});

describe('rows', () => {
  it('are counted by one and maybeOne', async () => {
    expect(await source.db.query('SELECT 1 AS n UNION ALL SELECT 2')).toHaveLength(2);
    expect(await source.db.maybeOne('SELECT 1 WHERE false')).toBeNull();
    await expect(source.db.one('SELECT 1 WHERE false')).rejects.toMatchObject({ code: 'E_CONFIGURATION' });
    await expect(source.db.maybeOne('SELECT 1 UNION ALL SELECT 2')).rejects.toMatchObject({
      code: 'E_CONFIGURATION',
    });
  });
});
