import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type PostgresServer, startPostgres } from '@tidemark/testbed';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  migrate,
  postgresSource,
  SCHEMA_VERSION,
  trackedTables,
  trackingProblems,
  trackTable,
  untrackTable,
} from '@tidemark/postgres';
import { testDatabase } from './database.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.close());

/** Functions of triggers that are there. */
async function trackers(pool: pg.Pool): Promise<number> {
  const { rowCount } = await pool.query(`SELECT FROM pg_proc WHERE proname LIKE 'track\\_%'`);
  return rowCount!;
}

async function bumpedSince(pool: pg.Pool, version: string): Promise<string[]> {
  const { rows } = await pool.query<{ key: string }>(
    'SELECT key FROM tidemark.versions WHERE version > $1 ORDER BY key',
    [version],
  );
  return rows.map(({ key }) => key);
}

async function newest(pool: pg.Pool): Promise<string> {
  const { rows } = await pool.query<{ n: string }>(
    'SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS n FROM tidemark.version_seq',
  );
  return rows[0]!.n;
}

/** A database as the release before trackers left it, with two tracked tables. */
async function earlierDatabase(): Promise<{ pool: pg.Pool; url: string }> {
  const url = await server.createDatabase();
  const pool = new pg.Pool({ connectionString: url });
  pool.on('error', () => {});
  onTestFinished(() => pool.end());
  await pool.query(
    `CREATE SCHEMA tidemark; CREATE TABLE tidemark.migrations (
       number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());
     CREATE TABLE products (id int, name text); CREATE TABLE prices (id int)`,
  );
  const files = [
    '0001-changelog',
    '0002-collection',
    '0003-groups',
    '0004-pins',
    '0005-digest-keys',
    '0006-facts',
  ];
  for (const [i, file] of files.entries()) {
    await pool.query(await readFile(new URL(`../sql/${file}.sql`, import.meta.url), 'utf8'));
    await pool.query('INSERT INTO tidemark.migrations VALUES ($1, $2)', [i + 1, `${file}.sql`]);
  }
  for (const [table, keyspace, columns] of [
    ['products', 'product', `'', 'name', 'id'`],
    ['prices', 'price', `'id'`],
  ] as const) {
    const hash = createHash('sha256').update(keyspace).digest('hex').slice(0, 8);
    for (const [statement, tables] of [
      ['insert', 'REFERENCING NEW TABLE AS tidemark_new'],
      ['update', 'REFERENCING OLD TABLE AS tidemark_old NEW TABLE AS tidemark_new'],
      ['delete', 'REFERENCING OLD TABLE AS tidemark_old'],
      ['truncate', ''],
    ] as const) {
      const trigger = `tidemark_${keyspace}_${hash}_${statement}`;
      await pool.query(
        `CREATE TRIGGER ${trigger} AFTER ${statement} ON ${table} ${tables}
           FOR EACH STATEMENT EXECUTE FUNCTION tidemark.track('${keyspace}', ${columns});
         ALTER TABLE ${table} ENABLE ALWAYS TRIGGER ${trigger}`,
      );
    }
  }
  return { pool, url };
}

describe('a table that an earlier release tracked', () => {
  const tables = [
    { table: 'prices', keyspace: 'price', keys: ['id'] },
    { table: 'products', keyspace: 'product', keys: [{ digest: 'name' }, 'id'] },
  ];

  it('gets the triggers of this one with the migration, and invalidates before, meanwhile and after', async () => {
    const { pool, url } = await earlierDatabase();
    await pool.query('ALTER TABLE prices DISABLE TRIGGER USER');
    await pool.query('ALTER TABLE prices ENABLE TRIGGER USER');
    const source = postgresSource({ connectionString: url, poolMax: 1 });
    onTestFinished(() => source.close());
    const outdated = (await trackingProblems(source.db)).filter(({ problem }) => problem === 'outdated');
    expect(outdated.map(({ table, statement }) => `${table} ${statement}`)).toEqual([
      'products insert',
      'products delete',
      'products update',
      'products truncate',
    ]);
    const before = await newest(pool);
    await pool.query(`INSERT INTO products VALUES (1, 'a')`);
    expect(await bumpedSince(pool, before)).toHaveLength(1);

    const migrated = await newest(pool);
    expect((await migrate(pool)).at(-1)).toBe(SCHEMA_VERSION);
    // The earlier triggers saw every write: nothing is void that was not before.
    expect(await bumpedSince(pool, migrated)).toEqual([]);
    // Somebody wanted these to fire for origins only.
    expect(
      new Set((await trackingProblems(source.db)).map(({ table, problem }) => `${table} ${problem}`)),
    ).toEqual(new Set(['prices partial']));
    expect(await trackedTables(pool)).toEqual(tables);
    const { rows } = await pool.query(
      `SELECT count(*)::int FROM pg_trigger WHERE tgfoid = 'tidemark.track()'::regprocedure`,
    );
    expect(rows).toEqual([{ count: 0 }]);
    await pool.query(`INSERT INTO prices VALUES (7); UPDATE products SET name = 'b'`);
    expect(await bumpedSince(pool, migrated)).toEqual([
      'price:7',
      'product:a~ypeBEsobvcr6wjGzmiPcTaeG7_gUfE5yuYB3ha_uSLs:1',
      'product:b~PiPoFgA5WUoziU9lZOGxNIu9egCI1CxKy3PurtWcAJ0:1',
    ]);
    await migrate(pool);
    expect(await trackers(pool)).toBe(2);
  });

  it('keeps its triggers while somebody holds the table, and gets the new ones the next time', async () => {
    const { pool, url } = await earlierDatabase();
    const source = postgresSource({ connectionString: url, poolMax: 1 });
    onTestFinished(() => source.close());
    const holder = await pool.connect();
    await holder.query(`BEGIN; INSERT INTO products VALUES (1, 'a')`);
    await migrate(pool);
    await holder.query('COMMIT');
    holder.release();
    const problems = await trackingProblems(source.db);
    expect(new Set(problems.map(({ table, problem }) => `${table} ${problem}`))).toEqual(
      new Set(['products outdated']),
    );
    const before = await newest(pool);
    await pool.query('DELETE FROM products');
    expect(await bumpedSince(pool, before)).toHaveLength(1);
    expect(await migrate(pool)).toEqual([]);
    expect(await trackingProblems(source.db)).toEqual([]);
  });
});

describe('the function of a tracked table', () => {
  it('takes columns of any name, also those of its own variables', async () => {
    await using database = await testDatabase(server);
    const { pool } = database;
    const columns = [
      'low',
      'high',
      'live',
      'dead',
      'touched',
      'named',
      'k',
      's',
      't',
      'tg_op',
      'tidemark_new',
    ];
    await pool.query(
      `CREATE TABLE odd (${columns.map((name) => `${name} int`).join()}, "It's, a %I <key>" text)`,
    );
    await trackTable(pool, { table: 'odd', keyspace: 'odd', keys: [...columns, "It's, a %I <key>"] });
    const before = await newest(pool);
    await pool.query(`INSERT INTO odd VALUES (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 'x:y')`);
    await pool.query('UPDATE odd SET low = 0');
    await pool.query('INSERT INTO odd SELECT low, high + n FROM odd, generate_series(1, 3) n');
    expect(await bumpedSince(pool, before)).toEqual([
      'odd:0:2:3:4:5:6:7:8:9:10:11:x%3Ay',
      'odd:1:2:3:4:5:6:7:8:9:10:11:x%3Ay',
    ]);
  });

  it('goes on when the table changes under a session that has used it', async () => {
    await using database = await testDatabase(server);
    const { pool } = database;
    const client = await pool.connect();
    try {
      await pool.query('CREATE TABLE moving (gone int, id int, n int DEFAULT 0)');
      await trackTable(pool, { table: 'moving', keyspace: 'moving', keys: ['id'] });
      for (let id = 1; id <= 10; id += 1) await client.query('INSERT INTO moving (id) VALUES ($1)', [id]);
      for (const change of [
        'ALTER TABLE moving DROP COLUMN gone',
        'ALTER TABLE moving ADD COLUMN late text',
        'ALTER TABLE moving ALTER COLUMN id TYPE bigint',
        'ALTER TABLE moving ALTER COLUMN id TYPE text',
      ]) {
        await pool.query(change);
        const before = await newest(pool);
        await client.query(`UPDATE moving SET n = n + 1 WHERE id::int = 3`);
        await client.query(`UPDATE moving SET n = n + 1 WHERE id::int IN (4, 5)`);
        await client.query(`DELETE FROM moving WHERE id::int = 99`);
        expect(await bumpedSince(pool, before)).toEqual(['moving:3', 'moving:4', 'moving:5']);
      }
    } finally {
      client.release();
    }
  });

  it('bumps one key of several rows once, and rows without a key not at all', async () => {
    await using database = await testDatabase(server);
    const { pool } = database;
    await pool.query('CREATE TABLE lines (basket int, article int)');
    await trackTable(pool, { table: 'lines', keyspace: 'basket', keys: ['basket'] });
    const bumps = async (statement: string): Promise<string[]> => {
      const before = await newest(pool);
      await pool.query(statement);
      return bumpedSince(pool, before);
    };
    expect(await bumps('INSERT INTO lines VALUES (1, 1), (1, 2)')).toEqual(['basket:1']);
    expect(await bumps('INSERT INTO lines SELECT 1, n FROM generate_series(3, 9) n')).toEqual(['basket:1']);
    expect(await bumps('INSERT INTO lines VALUES (NULL, 1)')).toEqual([]);
    expect(await bumps('INSERT INTO lines VALUES (2, 1), (NULL, 2)')).toEqual(['basket:2']);
    expect(await bumps('INSERT INTO lines VALUES (3, 1), (NULL, 2), (NULL, 3)')).toEqual(['basket:3']);
    expect(await bumps('UPDATE lines SET basket = 4 WHERE basket IS NULL')).toEqual(['basket:4']);
    expect(await bumps('UPDATE lines SET basket = NULL WHERE basket = 3')).toEqual(['basket:3']);
    expect(await bumps('DELETE FROM lines WHERE basket = 1')).toEqual(['basket:1']);
    const { rows } = await pool.query(`SELECT key FROM tidemark.versions WHERE deleted ORDER BY key`);
    expect(rows).toEqual([{ key: 'basket:1' }, { key: 'basket:3' }]);
  });

  it('is shared by tables with the same keys, and goes with the last', async () => {
    await using database = await testDatabase(server);
    const { pool } = database;
    await pool.query('CREATE TABLE one (id int); CREATE TABLE two (id int)');
    for (const table of ['one', 'two']) await trackTable(pool, { table, keyspace: 'both', keys: ['id'] });
    expect(await trackers(pool)).toBe(1);
    await untrackTable(pool, 'one', 'both');
    expect(await trackers(pool)).toBe(1);
    await untrackTable(pool, 'two', 'both');
    expect(await trackers(pool)).toBe(0);
  });

  it('draws versions in the order of commits, also of writers that share no row but the key', async () => {
    await using database = await testDatabase(server);
    const { pool, url } = database;
    const writers = 4;
    await pool.query(
      `CREATE TABLE parts (writer int, whole int, n int DEFAULT 0, PRIMARY KEY (writer, whole));
       INSERT INTO parts SELECT w, k FROM generate_series(1, ${writers}) w, generate_series(1, 2) k;
       CREATE SEQUENCE places; CREATE TABLE log (place bigint, key text, version bigint)`,
    );
    await trackTable(pool, { table: 'parts', keyspace: 'whole', keys: ['whole'] });
    await Promise.all(
      Array.from({ length: writers }, async (_, writer) => {
        const client = new pg.Client({ connectionString: url });
        client.on('error', () => {});
        await client.connect();
        for (let i = 0; i < 60; i += 1) {
          await client.query('BEGIN');
          await client.query('UPDATE parts SET n = n + 1 WHERE writer = $1 AND whole = $2', [
            writer + 1,
            1 + (i % 2),
          ]);
          // The key's row is locked: places are in the order of commits.
          await client.query(
            `INSERT INTO log SELECT nextval('places'), key, version FROM tidemark.versions WHERE key = $1`,
            [`whole:${1 + (i % 2)}`],
          );
          await client.query(i % 7 === writer ? 'ROLLBACK' : 'COMMIT');
        }
        await client.end();
      }),
    );
    const { rows } = await pool.query(
      `SELECT count(*)::int AS wrong FROM (
         SELECT version <= lag(version) OVER (PARTITION BY key ORDER BY place) AS back FROM log) s WHERE back`,
    );
    expect(rows).toEqual([{ wrong: 0 }]);
  });
});
