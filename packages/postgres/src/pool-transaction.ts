import type { Pool, PoolClient } from 'pg';
import { ignoreLoss } from './connections.ts';

/**
 * Runs `work` in one transaction on a client of somebody else's pool. Whatever goes wrong is thrown as
 * `toError` names it.
 */
export async function inTransaction<T>(
  pool: Pool,
  toError: (error: unknown) => unknown,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => {
    throw toError(error);
  });
  client.on('error', ignoreLoss);
  let failed: Error | undefined;
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    failed = error as Error;
    await client.query('ROLLBACK').catch(() => {});
    throw toError(error);
  } finally {
    client.off('error', ignoreLoss);
    client.release(failed);
  }
}
