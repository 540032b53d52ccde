import { sourceSuite } from '@tidemark/conformance';
import type { SqlExecutor } from '@tidemark/core';
import { collectDeleted } from '@tidemark/postgres';
import { testDatabase } from './database.ts';

sourceSuite<SqlExecutor>('postgres', async () => {
  const database = await testDatabase();
  return {
    source: database.source(),
    another: async () => database.source(),
    write: async (tx) => void (await tx.query('SELECT pg_current_xact_id()')),
    remove: async (tx, key) => void (await tx.query('SELECT tidemark.bump(ARRAY[$1], true)', [key])),
    collect: (limit) => collectDeleted(database.pool, { olderThan: 0, limit }),
    close: async () => database[Symbol.asyncDispose](),
  };
});
