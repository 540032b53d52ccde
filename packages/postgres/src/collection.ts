import { ConfigurationError, type Duration, durationMs, isOrdinal } from '@tidemark/core';
import type { Pool } from 'pg';
import { toSchemaError } from './errors.ts';
import { SCHEMA_VERSION } from './migrations.ts';

/** Rows that one call may remove. */
export const COLLECT_LIMIT_MAX = 100_000;

export interface CollectOptions {
  /** How long ago a key was deleted. A region that was cut off for longer starts over. Default 7 days. */
  readonly olderThan?: Duration;
  /** Default 10,000, at most 100,000. */
  readonly limit?: number;
}

/**
 * Removes rows of deleted keys from the changelog, in one transaction that nobody waits for long.
 * Resolves to their number; call it again while that is the limit. Safe at any time and for any age:
 * no version goes back, and no region misses a delete.
 *
 * Needs the role that ran `migrate`.
 */
export async function collectDeleted(pool: Pool, options: CollectOptions = {}): Promise<number> {
  const { olderThan = '7d', limit = 10_000 } = options;
  const ms = durationMs(olderThan, 'olderThan');
  if (!isOrdinal(limit) || limit < 1 || limit > COLLECT_LIMIT_MAX) {
    throw new ConfigurationError(`limit must be an integer from 1 to ${COLLECT_LIMIT_MAX}, got ${limit}`);
  }
  try {
    const { rows } = await pool.query<{ removed: number }>(
      `SELECT tidemark.collect($1 * interval '1 millisecond', $2) AS removed`,
      [ms, limit],
    );
    return rows[0]!.removed;
  } catch (error) {
    if ((error as { code?: unknown }).code === '42501') {
      throw new ConfigurationError('this role may not collect; use the role that ran migrate()', {
        cause: error,
      });
    }
    throw toSchemaError(error, SCHEMA_VERSION);
  }
}
