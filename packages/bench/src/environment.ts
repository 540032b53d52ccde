import { startNode } from '@tidemark/core';
import { natsBus } from '@tidemark/nats';
import { migrate, postgresSource } from '@tidemark/postgres';
import { redisStore } from '@tidemark/redis';
import { type Server, startNats, startPostgres, startRedis } from '@tidemark/testbed';
import pg from 'pg';
import type { CoherenceOptions } from './subject.ts';

/** Real servers of one region, and a node that keeps its roles. */
export interface Environment extends CoherenceOptions {
  readonly redis: Server;
  /** A Redis that is the peers' database: no fault touches it. */
  readonly rows: Server;
  close(): Promise<void>;
}

export async function startEnvironment(): Promise<Environment> {
  const [redis, rows, nats, postgres] = await Promise.all([
    startRedis(),
    startRedis(),
    startNats({ name: 'bench' }),
    startPostgres(),
  ]);
  const postgresUrl = await postgres.createDatabase();
  const natsUrl = `nats://127.0.0.1:${nats.port}`;
  const pool = new pg.Pool({ connectionString: postgresUrl, max: 1 });
  pool.on('error', () => {}); // Its servers are stopped at the end.
  await migrate(pool);
  await pool.end();
  const source = postgresSource({ connectionString: postgresUrl });
  const store = await redisStore({ url: `redis://127.0.0.1:${redis.port}` });
  const bus = await natsBus({ source: 'bench', region: 'bench', servers: { bench: { servers: natsUrl } } });
  const node = await startNode({ keyspaces: [], store, bus, source });
  return {
    redis,
    rows,
    natsUrl,
    postgresUrl,
    async close() {
      await node.close();
      await bus.close();
      await store.close();
      await source.close();
      await Promise.all([redis, rows, nats, postgres].map((server) => server.close()));
    },
  };
}
