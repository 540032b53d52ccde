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
  /** Streaming replicas, which loads ask first. What they can't answer safely, the primary is asked for. */
  readonly replica?: ReplicaOptions;
}

/** Short timeouts: a replica that does not answer must leave time to ask the primary. */
export interface ReplicaOptions {
  /** One or more, asked in turn. A promoted server is not a replica any more: loads leave it alone. */
  readonly urls: readonly string[];
  /** Settings of the `pg` driver that a URL can't say; they hold for all. */
  readonly connection?: PoolConfig;
  /** Connections to each. Default 10. */
  readonly poolMax?: number;
  /** Longest run of one statement, ms. Default 3,000. */
  readonly statementTimeoutMs?: number;
  /** Longest wait for a connection, ms. Default 1,000. */
  readonly connectTimeoutMs?: number;
  /** How long a replica that could not be reached is left alone, ms. Default 5,000. */
  readonly retryAfterMs?: number;
}

/** Replicas that one source may have. */
const REPLICAS_MAX = 32;

export interface ReplicaConfig {
  readonly pools: readonly PoolConfig[];
  readonly retryAfterMs: number;
}

/** Checks the options and turns them into the driver's, one for each replica. */
export function replicaConfig(options: ReplicaOptions): ReplicaConfig {
  const { urls, connection, retryAfterMs = 5_000, ...rest } = options;
  if (urls.length === 0 || urls.length > REPLICAS_MAX) {
    throw new ConfigurationError(`replica.urls must name 1 to ${REPLICAS_MAX} servers, got ${urls.length}`);
  }
  positive('replica.retryAfterMs', retryAfterMs);
  const timeouts = { statementTimeoutMs: 3_000, connectTimeoutMs: 1_000, ...rest };
  const pools = urls.map((url) => ({ ...connection, ...poolConfig({ ...timeouts, connectionString: url }) }));
  return { pools, retryAfterMs };
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
    pipeline: true, // Nobody sends a statement before the answer to the last, but a transaction's end.
  };
}

function positive(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new ConfigurationError(`${name} must be a positive integer, got ${value}`);
  }
}
