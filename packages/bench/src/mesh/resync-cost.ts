import {
  type Fill,
  keyspace,
  noTelemetry,
  type SourceOfTruth,
  startNode,
  type Store,
  systemRuntime,
} from '@tidemark/core';
import { memoryBus } from '@tidemark/memory';
import { migrate, postgresSource } from '@tidemark/postgres';
import { redisStore } from '@tidemark/redis';
import { startPostgres, startRedis } from '@tidemark/testbed';
import pg from 'pg';

const FILLS_AT_A_TIME = 500;
const BUMPS_AT_A_TIME = 10_000;
const VALUE = new TextEncoder().encode(JSON.stringify({ text: 'x'.repeat(100) }));

/** What one resync of a region cost. */
export interface ResyncCost {
  /** Entries that the region's Redis held. */
  readonly entries: number;
  /** Of these, keys that had changed since the region's horizon. */
  readonly changed: number;
  /** Rows that the changelog returned, and in how many queries. */
  readonly rows: number;
  readonly queries: number;
  /** Invalidations sent to Redis, and in how many batches. */
  readonly invalidations: number;
  readonly batches: number;
  readonly ms: number;
}

/**
 * Fills a real Redis with `entries` values, and for each of `changes` bumps so many of their keys in a
 * real Postgres while nobody applies anything; then measures the resync of the applier that comes.
 */
export async function resyncCosts(entries: number, changes: readonly number[]): Promise<ResyncCost[]> {
  const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
  const pool = new pg.Pool({ connectionString: await postgres.createDatabase(), max: 2 });
  pool.on('error', () => {}); // The server may end first.
  const source = postgresSource({ connectionString: pool.options.connectionString! });
  const store = await redisStore({ url: redis.url, commandTimeoutMs: 10_000 });
  try {
    await migrate(pool);
    await resyncOnce(source, store); // A new store is initialised.
    await fill(source, store, entries);
    const costs: ResyncCost[] = [];
    for (const changed of changes) {
      for (let start = 0; start < changed; start += BUMPS_AT_A_TIME) {
        const last = Math.min(changed, start + BUMPS_AT_A_TIME) - 1;
        await pool.query(
          `select tidemark.bump(array(select 'row:' || i from generate_series($1::int, $2::int) i))`,
          [start, last],
        );
      }
      costs.push({ entries, changed, ...(await resyncOnce(source, store)) });
    }
    return costs;
  } finally {
    await store.close();
    await source.close();
    await pool.end();
    await Promise.all([postgres.close(), redis.close()]);
  }
}

async function fill(source: SourceOfTruth, store: Store, entries: number): Promise<void> {
  const { meta } = await store.read([]);
  const { asOf } = await source.labels([]);
  for (let start = 0; start < entries; start += FILLS_AT_A_TIME) {
    const count = Math.min(FILLS_AT_A_TIME, entries - start);
    const verdicts = await Promise.all(
      Array.from({ length: count }, (_, i) => store.fill(valueOf(`row:${start + i}`))),
    );
    if (verdicts.some((verdict) => verdict !== 'admitted')) throw new Error(`fills: ${verdicts.join(' ')}`);
  }
  function valueOf(key: string): Fill {
    const { incarnation, epoch, revision } = meta!;
    return {
      key,
      version: { era: asOf.era, n: 0 },
      scope: 0,
      asOf,
      incarnation,
      epoch,
      revision,
      schema: 1,
      freshMs: 3_600_000,
      staleMs: 0,
      data: VALUE,
      dependencies: [],
      replaces: null,
      lease: null,
    };
  }
}

/** Starts an applier, waits for its first resync, and stops it. */
async function resyncOnce(
  source: SourceOfTruth,
  store: Store,
): Promise<Omit<ResyncCost, 'entries' | 'changed'>> {
  const counts = { rows: 0, queries: 0, invalidations: 0, batches: 0 };
  const counted: SourceOfTruth = {
    ...source,
    async changes(since, page) {
      const answer = await source.changes(since, page);
      counts.queries += 1;
      counts.rows += answer.changes.length;
      return answer;
    },
  };
  const countedStore = new Proxy(store, {
    get(target, name) {
      if (name === 'apply') {
        return (batch: Parameters<Store['apply']>[0]) => {
          counts.batches += 1;
          counts.invalidations += batch.invalidations.length;
          return target.apply(batch);
        };
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
    },
  });
  const bus = memoryBus(systemRuntime);
  let done: (cost: Omit<ResyncCost, 'entries' | 'changed'>) => void = () => {};
  const resynced = new Promise<Omit<ResyncCost, 'entries' | 'changed'>>((resolve) => (done = resolve));
  const node = await startNode({
    keyspaces: [keyspace({ name: 'row', params: { id: 'int' }, load: async () => null })],
    source: counted,
    store: countedStore,
    bus,
    roles: { relay: false },
    telemetry: {
      ...noTelemetry,
      record: (event) => {
        if (event.type === 'resync' && event.ok) done({ ...counts, ms: event.ms });
      },
    },
  });
  const cost = await resynced;
  await node.close();
  await bus.close();
  return cost;
}
