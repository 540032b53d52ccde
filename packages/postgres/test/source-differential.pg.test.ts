import { sourceDifferential } from '@tidemark/conformance';
import type { SqlExecutor } from '@tidemark/core';
import { MemoryDatabase, memorySource, type MemoryTx } from '@tidemark/memory';
import { testDatabase } from './database.ts';

sourceDifferential<MemoryTx, SqlExecutor>(
  'postgres',
  async () => {
    const database = new MemoryDatabase();
    const source = memorySource({ database });
    return {
      source,
      another: async () => memorySource({ database }),
      write: async () => {},
      put: (tx, key) => tx.set(key, true),
      remove: (tx, key) => tx.delete(key),
      close: () => source.close(),
    };
  },
  async () => {
    const database = await testDatabase();
    // Its own transactions would hold the horizon now and then, and with it what counts as the edge.
    await database.pool.query('ALTER SYSTEM SET autovacuum = off');
    await database.pool.query('SELECT pg_reload_conf()');
    return {
      source: database.source(),
      another: async () => database.source(),
      write: async () => {},
      put: async (tx, key) => void (await tx.query('SELECT tidemark.bump(ARRAY[$1])', [key])),
      remove: async (tx, key) => void (await tx.query('SELECT tidemark.bump(ARRAY[$1], true)', [key])),
      close: async () => database[Symbol.asyncDispose](),
    };
  },
);
