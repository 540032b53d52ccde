import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  type Bus,
  keyspace,
  type NodeOptions,
  type SourceOfTruth,
  type SqlExecutor,
  startNode,
  type Store,
  type TidemarkNode,
} from '@tidemark/core';
import { natsBus } from '@tidemark/nats';
import { migrate, postgresSource, trackTable } from '@tidemark/postgres';
import { redisStore } from '@tidemark/redis';
import {
  type PostgresServer,
  type Proxy,
  type Server,
  startNats,
  startPostgres,
  startProxy,
  startRedis,
} from '@tidemark/testbed';
import pg from 'pg';

export interface Item {
  readonly id: number;
  readonly value: string;
}

export const items = keyspace({
  name: 'item',
  params: { id: 'int' },
  load: ({ id }, { db }) => db.maybeOne<Item>('select id, value from items where id = $1', [id]),
});

/** Where a child process finds what its parent started. */
export interface Addresses {
  readonly region: string;
  readonly redis: string;
  readonly nats: Readonly<Record<string, string>>;
  readonly postgres: string;
  /** Streaming replicas that loads of the region ask first. */
  readonly replicas?: readonly string[];
}

export interface OpenNode {
  readonly node: TidemarkNode<SqlExecutor>;
  readonly store: Store;
  readonly bus: Bus;
  readonly source: SourceOfTruth<SqlExecutor, SqlExecutor>;
  close(): Promise<void>;
}

/** One node with its own connections, as a process of a service would have. */
export async function openNode(
  { region, redis, nats, postgres, replicas = [] }: Addresses,
  options: Partial<NodeOptions<SqlExecutor, SqlExecutor>> = {},
): Promise<OpenNode> {
  const source = postgresSource({
    connectionString: postgres,
    connectTimeoutMs: 2_000,
    statementTimeoutMs: 4_000,
    ...(replicas.length > 0 && { replica: { urls: replicas, retryAfterMs: 200 } }),
  });
  const store = await redisStore({ url: redis });
  const servers = Object.fromEntries(Object.entries(nats).map(([id, url]) => [id, { servers: url }]));
  const bus = await natsBus({ source: 'test', region, servers });
  const node = await startNode({ keyspaces: [items], store, bus, source, pingInterval: 200, ...options });
  return {
    node,
    store,
    bus,
    source,
    async close() {
      await node.close();
      await bus.close();
      await store.close();
      await source.close();
    },
  };
}

export interface RegionServers {
  readonly redis: Server;
  readonly nats: Server;
}

/** Regions of real servers over one Postgres, with a path between each two that can be cut. */
export class Regions {
  readonly servers: ReadonlyMap<string, RegionServers>;
  readonly admin: pg.Pool;
  readonly postgres: PostgresServer;
  readonly #url: string;
  readonly #paths: ReadonlyMap<string, Proxy>;
  readonly #open: OpenNode[] = [];
  readonly #children: ChildProcess[] = [];

  private constructor(
    servers: ReadonlyMap<string, RegionServers>,
    paths: ReadonlyMap<string, Proxy>,
    postgres: PostgresServer,
    url: string,
  ) {
    this.servers = servers;
    this.#paths = paths;
    this.postgres = postgres;
    this.#url = url;
    this.admin = new pg.Pool({ connectionString: url, max: 3 });
    this.admin.on('error', () => {});
  }

  static async start(ids: readonly string[]): Promise<Regions> {
    const [postgres, ...started] = await Promise.all([
      startPostgres(),
      ...ids.map(
        async (id) => [id, { redis: await startRedis(), nats: await startNats({ name: id }) }] as const,
      ),
    ]);
    const servers = new Map(started);
    const paths = new Map<string, Proxy>();
    for (const from of ids) {
      for (const to of ids) {
        if (from !== to) paths.set(`${from} ${to}`, await startProxy({ target: servers.get(to)!.nats }));
      }
    }
    const regions = new Regions(servers, paths, postgres, await postgres.createDatabase());
    await migrate(regions.admin);
    await regions.admin.query('create table items (id integer primary key, value text not null)');
    await regions.track('items', 'item');
    return regions;
  }

  addresses(region: string): Addresses {
    const nats = Object.fromEntries(
      [...this.servers].map(([id, server]) => {
        const path = this.#paths.get(`${region} ${id}`);
        return [id, path ? `nats://127.0.0.1:${path.port}` : server.nats.url];
      }),
    );
    return { region, redis: this.servers.get(region)!.redis.url, nats, postgres: this.#url };
  }

  /** @param at addresses that differ for this node */
  async node(
    region: string,
    options: Partial<NodeOptions<SqlExecutor, SqlExecutor>> = {},
    at: Partial<Addresses> = {},
  ): Promise<OpenNode> {
    const node = await openNode({ ...this.addresses(region), ...at }, options);
    this.#open.push(node);
    return node;
  }

  /** The regions' database as another server has it, such as a replica. */
  urlOn(server: { readonly port: number }): string {
    return Object.assign(new URL(this.#url), { port: String(server.port) }).href;
  }

  /** A process of its own, which can be killed. Resolves at its first line of output, which it returns. */
  async child(
    script: string,
    region: string,
    extra: Readonly<Record<string, string>> = {},
  ): Promise<{ readonly process: ChildProcess; readonly said: string }> {
    const path = fileURLToPath(new URL(`./${script}`, import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', '--conditions=@tidemark/source', path], {
      env: { ...process.env, ADDRESSES: JSON.stringify({ ...this.addresses(region), ...extra }) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#children.push(child);
    const [said] = (await once(createInterface(child.stdout), 'line')) as [string];
    return { process: child, said };
  }

  /** Cuts a region's bus off from the others, without a word to either side. */
  cut(region: string): void {
    for (const path of this.#pathsOf(region)) path.cut('blackhole');
  }

  heal(region: string): void {
    for (const path of this.#pathsOf(region)) path.heal();
  }

  /** By plain SQL, behind the library's back. */
  async sql(id: number, value: string): Promise<void> {
    await this.admin.query(
      'insert into items values ($1, $2) on conflict (id) do update set value = excluded.value',
      [id, value],
    );
  }

  /** Has triggers bump `keyspace:<id>` with every change of the table. */
  async track(table: string, keyspace: string): Promise<void> {
    await trackTable(this.admin, { table, keyspace, keys: ['id'] });
  }

  async closeNodes(): Promise<void> {
    for (const child of this.#children.splice(0)) child.kill('SIGKILL');
    await Promise.all(this.#open.splice(0).map((each) => each.close()));
  }

  async close(): Promise<void> {
    await this.closeNodes();
    await this.admin.end();
    await Promise.all([...this.#paths.values()].map((path) => path.close()));
    await Promise.all([...this.servers.values()].flatMap(({ redis, nats }) => [redis.close(), nats.close()]));
    await this.postgres.close();
  }

  #pathsOf(region: string): Proxy[] {
    return [...this.#paths].filter(([name]) => name.split(' ').includes(region)).map(([, path]) => path);
  }
}
