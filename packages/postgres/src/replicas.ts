import {
  SourceUnavailableError,
  type SourceReader,
  type SourceReplica,
  type SqlExecutor,
} from '@tidemark/core';
import { parseLabel } from './answers.ts';
import { Connections, type Lent } from './connections.ts';
import { isConnectionError, SchemaVersionError, toSchemaError, toSourceError } from './errors.ts';
import { StatementScope } from './executor.ts';
import { SCHEMA_VERSION } from './migrations.ts';
import type { ReplicaConfig } from './options.ts';

interface Server {
  readonly connections: Connections;
  /** Not asked before this, on this process' monotonic clock. */
  skippedUntilMs: number;
}

/** Streaming replicas, asked in turn; one that can't be reached is left alone for a while. */
export class Replicas implements SourceReplica<SqlExecutor> {
  readonly #servers: readonly Server[];
  readonly #retryAfterMs: number;
  #turn = 0;

  constructor({ pools, retryAfterMs }: ReplicaConfig) {
    // Nothing is prepared: a standby can't write, so it takes the era as its primary left it.
    this.#servers = pools.map((pool) => ({
      connections: new Connections(pool, async () => {}),
      skippedUntilMs: Number.NEGATIVE_INFINITY,
    }));
    this.#retryAfterMs = retryAfterMs;
  }

  async use<T>(work: (reader: SourceReader<SqlExecutor>) => Promise<T>): Promise<T> {
    this.#turn += 1;
    let cause: unknown;
    for (let offset = 0; offset < this.#servers.length; offset += 1) {
      const server = this.#servers[(this.#turn + offset) % this.#servers.length]!;
      if (server.skippedUntilMs > performance.now()) continue;
      let began = false;
      try {
        return await server.connections.use((lent) => {
          began = true;
          return readFrom(lent, work);
        });
      } catch (error) {
        if (isConnectionError(error) || error instanceof SchemaVersionError) {
          server.skippedUntilMs = performance.now() + this.#retryAfterMs;
        }
        // Work that has begun is not repeated here: the caller asks the primary.
        if (began || !isConnectionError(error)) throw toSourceError(error);
        cause = error;
      }
    }
    throw new SourceUnavailableError('no replica can be reached; loads ask the primary', { cause });
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map(({ connections }) => connections.close()));
  }
}

async function readFrom<T>(
  { client, discard }: Lent,
  work: (reader: SourceReader<SqlExecutor>) => Promise<T>,
): Promise<T> {
  const scope = new StatementScope(client, 'this load has ended; await all its statements inside the loader');
  try {
    const result = await work({
      db: scope.executor,
      async labels(keys) {
        const row = await scope.executor
          .one<{ label: unknown }>('SELECT tidemark.label($1) AS label', [keys])
          .catch(rethrowSchemaError);
        return parseLabel(row.label);
      },
    });
    // Last: a server that is a replica now was one all the time. A promoted one has a future of its own,
    // of which nothing may be mixed with the primary's.
    const { replica } = await scope.executor
      .one<{ replica: boolean }>('SELECT tidemark.is_replica() AS replica')
      .catch(rethrowSchemaError);
    if (replica) return result;
    discard();
    throw new SourceUnavailableError(
      'a server given as a replica was promoted, or is of another database; take it out of replica.urls',
    );
  } finally {
    await scope.end();
  }
}

function rethrowSchemaError(error: unknown): never {
  throw toSchemaError(error, SCHEMA_VERSION);
}
