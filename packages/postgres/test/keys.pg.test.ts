import { digestKeyPart, encodeKeyPart, isKey, keyspace } from '@tidemark/core';
import { anyUnit, runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { trackedTables, trackTable } from '@tidemark/postgres';
import { testDatabase, type TestDatabase } from './database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());

/** What may be a key part: well-formed text without NUL, with many of the characters that matter. */
const part = fc
  .string({
    unit: fc.oneof(fc.constantFrom('%', ':', '{', '}', '2', '5', '\\', "'", '\n', '€', '😀'), anyUnit),
    maxLength: 40,
  })
  .filter((text) => text.isWellFormed() && !text.includes('\0'));

describe('keys in SQL', () => {
  it('are encoded as in the core', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 50 }), async (parts) => {
        const { rows } = await database.pool.query<{ key: string }>(
          'SELECT tidemark.encode_part(p) AS key FROM unnest($1::text[]) WITH ORDINALITY AS t(p, i) ORDER BY i',
          [parts],
        );
        expect(rows.map(({ key }) => key)).toEqual(parts.map(encodeKeyPart));
      }),
      runs(60),
    );
  });

  it('are digested as in the core', async () => {
    const long = fc.tuple(part, fc.nat(200)).map(([text, times]) => text.repeat(times + 1));
    await fc.assert(
      fc.asyncProperty(fc.array(long, { minLength: 1, maxLength: 50 }), async (parts) => {
        const { rows } = await database.pool.query<{ key: string }>(
          'SELECT tidemark.digest_part(p) AS key FROM unnest($1::text[]) WITH ORDINALITY AS t(p, i) ORDER BY i',
          [parts],
        );
        expect(rows.map(({ key }) => key)).toEqual(parts.map(digestKeyPart));
      }),
      runs<[string[]]>(60, {
        examples: [[['', 'é'.repeat(30), '😀'.repeat(30), 'a\nb', 'ÀZ[]^_`az{|}~', 'ı', 'ſ']]],
      }),
    );
  });

  it('of a tracked table with a digest are those of its keyspace, however long the text is', async () => {
    const searches = keyspace({
      name: 'search',
      params: { site: 'string', words: 'digest' },
      load: async () => null,
    });
    const { pool } = database;
    await pool.query('CREATE TABLE searches (site text, words text, hits int)');
    const tracked = { table: 'searches', keyspace: 'search', keys: ['site', { digest: 'words' }] } as const;
    await trackTable(pool, tracked);
    expect(await trackedTables(pool)).toEqual([tracked]);
    const rows = ['boots', 'x'.repeat(100_000), 'a:b{c}%', '', '😀'].map((words) => ({ site: 'a:b', words }));
    const since = await pool.query<{ n: string }>('SELECT max(version) AS n FROM tidemark.versions');
    for (const { site, words } of rows)
      await pool.query('INSERT INTO searches VALUES ($1, $2, 1)', [site, words]);
    await pool.query('INSERT INTO searches VALUES ($1, NULL, 1)', ['nobody']);
    const bumped = await pool.query<{ key: string }>('SELECT key FROM tidemark.versions WHERE version > $1', [
      since.rows[0]!.n,
    ]);
    expect(bumped.rows.map(({ key }) => key).toSorted()).toEqual(
      rows.map((row) => searches.key(row)).toSorted(),
    );
    // Another call with the same columns changes nothing; with others it replaces the triggers.
    const before = await pool.query<{ n: string }>('SELECT max(version) AS n FROM tidemark.versions');
    await trackTable(pool, tracked);
    expect((await pool.query('SELECT max(version) AS n FROM tidemark.versions')).rows).toEqual(before.rows);
    await trackTable(pool, { ...tracked, keys: ['site', 'words'] });
    expect(await trackedTables(pool)).toEqual([{ ...tracked, keys: ['site', 'words'] }]);
    await expect(trackTable(pool, { ...tracked, keys: [{ digest: 'nothing' }] })).rejects.toMatchObject({
      code: 'E_TRACK_COLUMN',
    });
  });

  it('are accepted by bump when the core accepts them', async () => {
    const text = fc.oneof(
      fc.constantFrom(
        '',
        'a',
        'a:',
        'a:b:c',
        'A:b',
        '1a',
        'a:{b}',
        'a}',
        'a b:c',
        'a:\n',
        `${'a'.repeat(64)}:x`,
        `${'a'.repeat(65)}:x`,
      ),
      part.map((value) => `key:${encodeKeyPart(value)}`),
      part,
    );
    await fc.assert(
      fc.asyncProperty(text, async (key) => {
        const accepted = await database.pool.query('SELECT tidemark.bump(ARRAY[$1::text])', [key]).then(
          () => true,
          () => false,
        );
        expect(accepted).toBe(isKey(key));
      }),
      runs(100),
    );
  });

  it('that are null are refused by bump, with a hint', async () => {
    const bumping = database.pool.query('SELECT tidemark.bump(ARRAY[NULL::text])');
    await expect(bumping).rejects.toMatchObject({
      code: '22023',
      hint: expect.stringContaining('encode_part') as string,
    });
  });
});
