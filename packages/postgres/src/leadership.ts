import type { Leadership } from '@tidemark/core';
import pg from 'pg';
import type { ClientConfig } from 'pg';
import { destroySocket } from './connections.ts';
import { toSourceError } from './errors.ts';

/** Pause between two signs of life of a leader, ms. */
const SIGN_EVERY_MS = 1_000;
/** Longest wait for the answer to a sign of life, ms. */
const ANSWER_MAX_MS = 2_000;
/** Without a sign of life for so long the server itself ends the leader's session, ms. */
const SILENT_MAX_MS = 3_000;

/**
 * Takes the session's advisory lock for `role` on a connection of its own; null when another has it.
 * The lock ends with the session. `closed` is called once when the leadership is over.
 *
 * A process that hangs, or whose link swallows everything, keeps its connection, and would keep the
 * lock. So a leader gives signs of life, and `idle_session_timeout` (Postgres 14 and later) has the
 * server end a session without them. No clocks are compared, and the leader need not cooperate.
 */
export async function takeLeadership(
  config: ClientConfig,
  role: string,
  closed: (leadership: Leadership) => void,
): Promise<Leadership | null> {
  const client = new pg.Client({ ...config, query_timeout: ANSWER_MAX_MS });
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
  function giveSigns(): void {
    timer = setTimeout(() => void client.query('SELECT 1').then(giveSigns, lose), SIGN_EVERY_MS);
    timer.unref();
    if (lost.signal.aborted) clearTimeout(timer);
  }

  try {
    await client.connect();
    // Before the lock: whoever has it is watched. An older server does not know the setting.
    await client.query(
      `SELECT set_config(name, $1, false) FROM pg_settings WHERE name = 'idle_session_timeout'`,
      [String(SILENT_MAX_MS)],
    );
    const { rows } = await client.query<{ taken: boolean }>(
      `SELECT pg_try_advisory_lock(hashtextextended('tidemark:role:' || $1, 0)) AS taken`,
      [role],
    );
    if (rows[0]?.taken === true) {
      giveSigns();
      return leadership;
    }
    await client.end();
    return null;
  } catch (error) {
    destroySocket(client);
    throw toSourceError(error);
  }
}
