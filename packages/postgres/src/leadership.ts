import type { Leadership } from '@tidemark/core';
import pg from 'pg';
import type { ClientConfig } from 'pg';
import { destroySocket } from './connections.ts';
import { toSourceError } from './errors.ts';

/** Pause between two checks of the connection that holds a lock, ms. */
const CHECK_EVERY_MS = 2_000;
/** Longest wait for the answer to such a check, ms. */
const CHECK_TIMEOUT_MS = 2_000;

/**
 * Takes the session's advisory lock for `role` on a connection of its own; null when another has it.
 * The lock ends with the connection. `closed` is called once when the leadership is over.
 */
export async function takeLeadership(
  config: ClientConfig,
  role: string,
  closed: (leadership: Leadership) => void,
): Promise<Leadership | null> {
  const client = new pg.Client({ ...config, query_timeout: CHECK_TIMEOUT_MS });
  const lost = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const leadership: Leadership = { lost: lost.signal, resign };
  const lose = (): void => {
    if (lost.signal.aborted) return;
    clearTimeout(timer);
    destroySocket(client);
    lost.abort();
    closed(leadership);
  };
  client.on('error', lose);
  client.on('end', lose);

  async function resign(): Promise<void> {
    if (lost.signal.aborted) return;
    clearTimeout(timer);
    // An explicit unlock hands over at once; a closing connection may linger on the server.
    await client.query('SELECT pg_advisory_unlock_all()').then(() => client.end(), lose);
  }
  function check(): void {
    timer = setTimeout(() => void client.query('SELECT 1').then(check, lose), CHECK_EVERY_MS);
    timer.unref();
    if (lost.signal.aborted) clearTimeout(timer);
  }

  try {
    await client.connect();
    const { rows } = await client.query<{ taken: boolean }>(
      `SELECT pg_try_advisory_lock(hashtextextended('tidemark:role:' || $1, 0)) AS taken`,
      [role],
    );
    if (rows[0]?.taken === true) {
      check();
      return leadership;
    }
    await client.end();
    return null;
  } catch (error) {
    destroySocket(client);
    throw toSourceError(error);
  }
}
