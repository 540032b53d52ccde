import {
  type AnyKeyspace,
  type Bus,
  decodeMessage,
  keyspace,
  type SourceOfTruth,
  type SqlExecutor,
  startNode,
  type Store,
  type TidemarkNode,
} from '@tidemark/core';
import { natsBus } from '@tidemark/nats';
import { migrate, postgresSource, trackTable } from '@tidemark/postgres';
import { redisStore } from '@tidemark/redis';
import { type Server, startNats, startPostgres, startProxy, startRedis } from '@tidemark/testbed';
import pg from 'pg';

/** Of `items` and `tracked`, two tables of one shape; triggers bump the keys of the second. */
export const items = keyspace({
  name: 'item',
  params: { id: 'int' },
  load: ({ id }, { db }) => db.maybeOne<{ value: number }>('select value from items where id = $1', [id]),
});

export interface BenchNode {
  readonly node: TidemarkNode<SqlExecutor>;
  readonly bus: Bus;
}

interface Closable {
  close(): Promise<unknown>;
}

/** Regions of real servers over one Postgres; between two of them a message takes `oneWayMs`. */
export class BenchRegions {
  readonly pool: pg.Pool;
  readonly databaseUrl: string;
  readonly #nats: ReadonlyMap<string, Server>;
  readonly #redis: ReadonlyMap<string, Server>;
  readonly #urls: ReadonlyMap<string, string>;
  readonly #opened: Closable[];

  private constructor(
    databaseUrl: string,
    pool: pg.Pool,
    servers: { nats: ReadonlyMap<string, Server>; redis: ReadonlyMap<string, Server> },
    urls: ReadonlyMap<string, string>,
    opened: Closable[],
  ) {
    this.databaseUrl = databaseUrl;
    this.pool = pool;
    this.#nats = servers.nats;
    this.#redis = servers.redis;
    this.#urls = urls;
    this.#opened = opened;
  }

  /** @param durable whether a commit waits for a disk */
  static async start(
    ids: readonly string[],
    oneWayMs = 0,
    rows = 10_000,
    durable = false,
  ): Promise<BenchRegions> {
    const postgres = await startPostgres({ durable });
    const opened: Closable[] = [postgres];
    const nats = new Map<string, Server>();
    const redis = new Map<string, Server>();
    for (const id of ids) {
      nats.set(id, await startNats({ name: id }));
      redis.set(id, await startRedis());
      opened.push(nats.get(id)!, redis.get(id)!);
    }
    const urls = new Map<string, string>();
    for (const from of ids) {
      for (const to of ids) {
        if (from === to) continue;
        const proxy = await startProxy({ target: nats.get(to)!, delayMs: oneWayMs });
        opened.push(proxy);
        urls.set(`${from} ${to}`, `nats://127.0.0.1:${proxy.port}`);
      }
    }
    const databaseUrl = await postgres.createDatabase();
    const pool = new pg.Pool({ connectionString: databaseUrl, max: 4 });
    pool.on('error', () => {}); // Its server is stopped at the end.
    await migrate(pool);
    for (const table of ['items', 'tracked']) {
      await pool.query(`create table ${table} (id integer primary key, value integer not null)`);
      await pool.query(`insert into ${table} select id, 0 from generate_series(1, ${rows}) id`);
    }
    await trackTable(pool, { table: 'tracked', keyspace: 'tracked', keys: ['id'] });
    opened.push({ close: () => pool.end() });
    return new BenchRegions(databaseUrl, pool, { nats, redis }, urls, opened);
  }

  natsOf(region: string): Server {
    return this.#nats.get(region)!;
  }

  redisOf(region: string): Server {
    return this.#redis.get(region)!;
  }

  source(poolMax?: number): SourceOfTruth<SqlExecutor, SqlExecutor> {
    const source = postgresSource({
      connectionString: this.databaseUrl,
      ...(poolMax !== undefined && { poolMax }),
    });
    this.#opened.push(source);
    return source;
  }

  async bus(region: string): Promise<Bus> {
    const servers = Object.fromEntries(
      [...this.#nats].map(([id, { url }]) => [id, { servers: this.#urls.get(`${region} ${id}`) ?? url }]),
    );
    const bus = await natsBus({ source: 'bench', region, servers });
    this.#opened.push(bus);
    return bus;
  }

  async store(region: string): Promise<Store> {
    const store = await redisStore({ url: this.redisOf(region).url, commandTimeoutMs: 5_000 });
    this.#opened.push(store);
    return store;
  }

  /** A node that knows of its place in the feed. */
  async node(
    region: string,
    keyspaces: readonly AnyKeyspace[] = [items],
    poolMax?: number,
  ): Promise<BenchNode> {
    const source = this.source(poolMax);
    const store = await this.store(region);
    const bus = await this.bus(region);
    const node = await startNode({ keyspaces, store, bus, source });
    this.#opened.push(node);
    return { node, bus };
  }

  async close(): Promise<void> {
    for (const each of this.#opened.toReversed()) await each.close();
  }
}

/** Resolves when all nodes have proven that they are fresh. */
export async function untilFresh(nodes: readonly BenchNode[]): Promise<void> {
  for (;;) {
    if (nodes.every(({ node }) => node.stats().stalenessBoundMs < 5_000)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Tells of each invalidation that a region's nodes are told of, as `key n`. */
export async function onFeed(bus: Bus, told: (what: string) => void): Promise<void> {
  await bus.listen(bus.region, 'feed', ({ data }) => {
    const decoded = decodeMessage(data);
    if (!decoded.ok || decoded.message.kind !== 'feed') return;
    for (const { key, version } of decoded.message.invalidations) told(`${key} ${version.n}`);
  });
}
