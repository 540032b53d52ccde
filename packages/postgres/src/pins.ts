import {
  type Bump,
  type Committed,
  isKey,
  KeyError,
  keyspaceOf,
  type PinSource,
  RollbackConflictError,
  type SqlExecutor,
} from '@tidemark/core';

/** Runs one of our own statements and returns its `result`. */
type Call = <R>(text: string, values: readonly unknown[]) => Promise<R>;
type Transaction = <T>(work: (tx: SqlExecutor, bump: Bump) => Promise<T>) => Promise<Committed<T>>;
/** Result of `tidemark.read_pins()`, for each key. */
type PinAnswer = readonly [n: number, origin: number, schema: number, data: string | null] | null;

/** Rollbacks of single keys in the schema `tidemark`; see `sql/0004-pins.sql`. */
export function postgresPins(call: Call, transaction: Transaction): PinSource {
  return {
    async read(keys) {
      const answer = await call<readonly PinAnswer[]>('SELECT tidemark.read_pins($1) AS result', [keys]);
      return answer.map((pin) => {
        if (!pin) return null;
        const [n, origin, schema, data] = pin;
        return { n, origin, schema, data: data === null ? null : Buffer.from(data, 'base64') };
      });
    },
    async pin(key, { origin, schema, data }, expected) {
      if (!isKey(key)) throw new KeyError(keyspaceOf(key), `${JSON.stringify(key)} is not an encoded key`);
      return transaction(async (tx) => {
        const { pinned } = await tx.one<{ pinned: boolean }>(
          'SELECT tidemark.pin($1, $2, $3, $4, $5) AS pinned',
          [key, expected, origin, schema, data && Buffer.from(data)],
        );
        if (!pinned) throw new RollbackConflictError(key);
      });
    },
  };
}
