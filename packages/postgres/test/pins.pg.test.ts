import { pinSuite } from '@tidemark/conformance';
import type { SqlExecutor } from '@tidemark/core';
import { testDatabase } from './database.ts';

pinSuite<SqlExecutor>('postgres', async () => {
  const database = await testDatabase();
  return {
    source: database.source(),
    another: async () => database.source(),
    write: async (tx) => void (await tx.query('SELECT pg_current_xact_id()')),
    close: async () => database[Symbol.asyncDispose](),
  };
});
