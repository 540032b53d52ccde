import { compareVersions, type Invalidation, type SourceOfTruth, type SqlExecutor } from '@tidemark/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectDeleted, migrate, postgresSource, trackTable } from '@tidemark/postgres';
import { testDatabase, type TestDatabase } from './database.ts';

let database: TestDatabase;
let source: SourceOfTruth<SqlExecutor, SqlExecutor>;
beforeAll(async () => {
  database = await testDatabase();
  source = database.source();
  await database.pool.query('CREATE TABLE products (id int PRIMARY KEY)');
  await trackTable(database.pool, { table: 'products', keyspace: 'product', keys: ['id'] });
});
afterAll(() => database[Symbol.asyncDispose]());

async function keys(): Promise<string[]> {
  const { rows } = await database.pool.query<{ key: string }>(
    'SELECT key FROM tidemark.versions ORDER BY key',
  );
  return rows.map(({ key }) => key);
}

describe('collection', () => {
  it('takes rows that triggers saw deleted, once they are old enough', async () => {
    await database.pool.query('INSERT INTO products VALUES (1), (2); DELETE FROM products WHERE id = 1');
    expect(await collectDeleted(database.pool)).toBe(0);
    expect(await collectDeleted(database.pool, { olderThan: '1h' })).toBe(0);
    await database.pool.query(
      `UPDATE tidemark.versions SET at = at - interval '2 hours' WHERE key = 'product:1'`,
    );
    expect(await collectDeleted(database.pool, { olderThan: '1h' })).toBe(1);
    expect(await keys()).toEqual(['product', 'product:2']);
  });

  it('never takes the row of a keyspace, though truncating it counts as deleting', async () => {
    await database.pool.query('TRUNCATE products');
    const before = await source.labels(['product:2']);
    await collectDeleted(database.pool, { olderThan: 0 });
    expect((await source.labels(['product:2'])).scopes).toEqual(before.scopes);
    expect(before.scopes[0]).toBeGreaterThan(0);
  });

  it('does not wait for a writer of a row, and leaves it', async () => {
    await database.pool.query(
      'INSERT INTO products VALUES (4), (5); DELETE FROM products WHERE id IN (4, 5)',
    );
    const writer = await database.pool.connect();
    await writer.query('BEGIN; SELECT pg_current_xact_id()');
    expect(await collectDeleted(database.pool, { olderThan: 0 })).toBe(0);
    await writer.query('COMMIT');
    await writer.query('BEGIN');
    await writer.query('INSERT INTO products VALUES (4)');
    expect(await collectDeleted(database.pool, { olderThan: 0 })).toBe(1);
    await writer.query('COMMIT');
    writer.release();
    const left = await keys();
    expect(left).toContain('product:4');
    expect(left).not.toContain('product:5');
  });

  it('makes progress though some transaction always runs', async () => {
    await database.pool.query('INSERT INTO products VALUES (6); DELETE FROM products WHERE id = 6');
    const clients = await Promise.all([database.pool.connect(), database.pool.connect()]);
    for (const client of clients) await client.query('BEGIN; SELECT pg_current_xact_id()');
    let rounds = 0;
    for (let removed = 0; removed === 0; rounds += 1) {
      removed = await collectDeleted(database.pool, { olderThan: 0 });
      const client = clients[rounds % 2]!;
      await client.query('COMMIT; BEGIN; SELECT pg_current_xact_id()');
      expect(rounds).toBeLessThan(10);
    }
    expect(rounds).toBeGreaterThan(1);
    for (const client of clients) {
      await client.query('COMMIT');
      client.release();
    }
  });

  it('survives a crash of the server wherever others can see it', async () => {
    const client = await database.pool.connect();
    await client.query('BEGIN; SET LOCAL synchronous_commit = off');
    await client.query(`SELECT tidemark.collect('0 s', 1)`);
    expect((await client.query('SHOW synchronous_commit')).rows).toEqual([{ synchronous_commit: 'local' }]);
    await client.query('COMMIT');
    client.release();
  });

  it('is not forgotten when the era rises, and tells nobody of the new era to start over', async () => {
    // As in a dump of a server that has given out many more ids.
    const foreign = `UPDATE tidemark.meta SET collected_below = '900000000', mark_xid = '900000000'`;
    await database.pool.query('INSERT INTO products VALUES (7); DELETE FROM products WHERE id = 7');
    const [deleted] = (await source.labels(['product:7'])).versions;
    const { horizon: old } = await source.changes(null, { limit: 10 });
    await collectDeleted(database.pool, { olderThan: 0 });
    await database.pool.query(foreign);
    await database.pool.query('SELECT tidemark.raise_era()');
    const { horizon } = await source.changes(old, { limit: 10 });
    expect(horizon.era).toBe(old.era + 1);
    expect((await source.changes(horizon, { limit: 10 })).horizon).toEqual(horizon);
    expect((await source.labels(['product:7'])).versions[0]!.n).toBeGreaterThanOrEqual(deleted!.n);
    await database.pool.query('INSERT INTO products VALUES (7); DELETE FROM products WHERE id = 7');
    expect(await collectDeleted(database.pool, { olderThan: 0 })).toBe(1);
  });

  it('refuses what it can not do safely, and who may not, and says so', async () => {
    const client = await database.pool.connect();
    await client.query('BEGIN; SELECT pg_current_xact_id()');
    await expect(client.query('SELECT tidemark.collect()')).rejects.toMatchObject({ code: '25001' });
    await client.query('ROLLBACK');
    await client.query(
      `DO $$ BEGIN CREATE ROLE collector LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$`,
    );
    client.release();
    await migrate(database.pool, { grantTo: ['collector'] });
    const url = Object.assign(new URL(database.url), { username: 'collector' }).href;
    const service = postgresSource({ connectionString: url });
    await expect(service.db.query('SELECT tidemark.collect()')).rejects.toMatchObject({ code: '42501' });
    await service.close();
    for (const limit of [0, 1.5, 1_000_000]) {
      await expect(collectDeleted(database.pool, { limit })).rejects.toMatchObject({
        code: 'E_CONFIGURATION',
      });
    }
  });
});

it('raising the era leaves the sequence alone, unless it is behind', async () => {
  await source.transaction(async (_tx, bump) => bump('race:0'));
  // Setting a sequence, to whatever value, zeroes log_cnt.
  const sequence = async (): Promise<unknown> =>
    (await database.pool.query('SELECT last_value, log_cnt FROM tidemark.version_seq')).rows[0];
  const before = await sequence();
  expect(before).not.toMatchObject({ log_cnt: '0' });
  await database.pool.query('SELECT tidemark.raise_era()');
  expect(await sequence()).toEqual(before);
});

it('raising the era gives no version out twice, however many write meanwhile', async () => {
  const seen: Invalidation[] = [];
  let raising = true;
  const writers = [1, 2, 3, 4].map(async (writer) => {
    while (raising) {
      const { invalidations } = await source.transaction(async (_tx, bump) => {
        for (let key = 0; key < 50; key += 1) bump(`race:${writer}:${key}`);
      });
      seen.push(...invalidations);
    }
  });
  for (let count = 0; count < 150; count += 1) await database.pool.query('SELECT tidemark.raise_era()');
  raising = false;
  await Promise.all(writers);
  expect(seen.length).toBeGreaterThan(500);
  expect(new Set(seen.map(({ version }) => version.n)).size).toBe(seen.length);
  const byKey = new Map<string, Invalidation>();
  for (const each of seen) {
    const before = byKey.get(each.key);
    if (before) expect(compareVersions(before.version, each.version)).toBeLessThan(0);
    byKey.set(each.key, each);
  }
});
