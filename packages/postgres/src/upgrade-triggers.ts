import type { Pool } from 'pg';
import { toSourceError } from './errors.ts';
import { inTransaction } from './pool-transaction.ts';
import { listTriggers, putTrigger } from './triggers.ts';

/** Longest that the writers of one table wait for an upgrade that waits for a lock. */
const LOCK_TIMEOUT = '2s';

/** insufficient_privilege; lock_not_available, deadlock_detected; undefined_table, undefined_column: altered meanwhile. */
const LEFT_ALONE = new Set(['42501', '55P03', '40P01', '42P01', '42703']);

/**
 * Puts the triggers of this release in the place of earlier ones, table by table, so that no writer waits for
 * more than its own table. Invalidates nothing: the earlier ones saw every write. Tables that can't be had stay
 * as they are, which is slower and not wrong.
 */
export async function upgradeTriggers(pool: Pool): Promise<void> {
  const outdated = await inTransaction(pool, toSourceError, async (client) =>
    (await listTriggers(client)).filter((trigger) => trigger.outdated),
  );
  const tables = new Map(outdated.map(({ oid, table }) => [oid, table]));
  for (const [oid, table] of tables) await upgradeTable(pool, oid, table);
}

async function upgradeTable(pool: Pool, oid: number, table: string): Promise<void> {
  try {
    await inTransaction(pool, toSourceError, async (client) => {
      await client.query(`SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'`);
      await client.query(`LOCK TABLE ONLY ${table} IN SHARE ROW EXCLUSIVE MODE`);
      const current = await listTriggers(client);
      for (const trigger of current) {
        if (trigger.oid === oid && trigger.outdated) await putTrigger(client, trigger);
      }
      await client.query('SELECT tidemark.drop_trackers()');
    });
  } catch (error) {
    if (!LEFT_ALONE.has(String((error as { code?: unknown }).code))) throw error;
  }
}
