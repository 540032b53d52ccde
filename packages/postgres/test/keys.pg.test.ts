import { encodeKeyPart, isKey } from '@tidemark/core';
import { anyUnit, runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
