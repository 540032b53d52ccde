import { ConfigurationError } from '@tidemark/core';
import type { PoolConfig } from 'pg';

/** How to reach Postgres, and for how long to wait for it. */
export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`; or use `connection`. */
  readonly connectionString?: string;
  /** Settings of the `pg` driver (host, ssl, password function ...), for what a URL can't say. */
  readonly connection?: PoolConfig;
  /** Connections of the pool, besides one for each role that is led. Default 10. */
  readonly poolMax?: number;
  /** Longest run of one statement, ms. Default 15,000. */
  readonly statementTimeoutMs?: number;
  /** Longest wait for a connection, a new one or a free one of the pool, ms. Default 5,000. */
  readonly connectTimeoutMs?: number;
}

/** Grace for the server's own timeout to arrive before the client gives up on the connection, ms. */
const READ_GRACE_MS = 1_000;

/** Checks the options and turns them into the driver's. */
export function poolConfig(options: PostgresOptions): PoolConfig & { readonly max: number } {
  const {
    connectionString,
    connection,
    poolMax = 10,
    statementTimeoutMs = 15_000,
    connectTimeoutMs = 5_000,
  } = options;
  if ((connectionString === undefined) === (connection === undefined)) {
    throw new ConfigurationError('postgresSource needs either connectionString or connection');
  }
  positive('poolMax', poolMax);
  positive('statementTimeoutMs', statementTimeoutMs);
  positive('connectTimeoutMs', connectTimeoutMs);
  return {
    application_name: 'tidemark',
    ...connection,
    ...(connectionString === undefined ? {} : { connectionString }),
    max: poolMax,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + READ_GRACE_MS,
    keepAlive: true,
  };
}

function positive(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new ConfigurationError(`${name} must be a positive integer, got ${value}`);
  }
}
