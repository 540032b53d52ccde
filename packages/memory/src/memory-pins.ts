import { isKey, KeyError, keyspaceOf, type PinSource, RollbackConflictError } from '@tidemark/core';
import type { MemoryDatabase } from './memory-database.ts';

/** Runs a task of an open source. */
type Open = <T>(task: () => T | Promise<T>) => Promise<T>;

/** Rollbacks of single keys in a memory database. */
export function memoryPins(database: MemoryDatabase, open: Open): PinSource {
  return {
    read: (keys) => open(() => keys.map((key) => database.pins.get(key) ?? null)),
    pin: (key, content, expected) =>
      open(async () => {
        if (!isKey(key)) throw new KeyError(keyspaceOf(key), `${JSON.stringify(key)} is not an encoded key`);
        const running = database.begin();
        try {
          // Writers of the key wait from here on; to the commit nothing else runs.
          await database.bump(running, key);
          if (database.version(key) !== expected) throw new RollbackConflictError(key);
          const n = running.bumped.get(key)!;
          const invalidations = database.commit(running);
          database.pins.set(key, { ...content, n });
          return { value: undefined, invalidations };
        } catch (error) {
          database.rollback(running);
          throw error;
        }
      }),
  };
}
