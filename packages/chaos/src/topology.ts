import type { RegionSet } from '@tidemark/regions';
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

/** One region's own servers. */
export interface RegionServers {
  readonly redis: Server;
  readonly nats: Server;
}

/** The servers of all regions over one Postgres, with a path between each two that can be slow or cut. */
export class Topology {
  readonly regions: readonly string[];
  readonly servers: ReadonlyMap<string, RegionServers>;
  readonly postgres: PostgresServer;
  /** Straight to Postgres, for set-up and checks. */
  readonly admin: pg.Pool;
  readonly #set: RegionSet;
  readonly adminUrl: string;
  /** `from to`; `to` is a region, or `source`. */
  readonly #paths: ReadonlyMap<string, Proxy>;

  private constructor(
    set: RegionSet,
    servers: ReadonlyMap<string, RegionServers>,
    paths: ReadonlyMap<string, Proxy>,
    postgres: PostgresServer,
    adminUrl: string,
  ) {
    this.#set = set;
    this.regions = set.regions.map(({ id }) => id);
    this.servers = servers;
    this.#paths = paths;
    this.postgres = postgres;
    this.adminUrl = adminUrl;
    this.admin = new pg.Pool({ connectionString: adminUrl, max: 3 });
    this.admin.on('error', () => {}); // A fault restarts Postgres; the next query connects anew.
  }

  /** A start that fails leaves what it started to the test bed's watchdog: the process ends then. */
  static async start(set: RegionSet): Promise<Topology> {
    const ids = set.regions.map(({ id }) => id);
    const [postgres, ...started] = await Promise.all([
      startPostgres(),
      ...ids.map(async (id) => {
        // In-place rollback is a debug command of Redis.
        const redis = await startRedis({ args: ['--enable-debug-command', 'local'] });
        return [id, { redis, nats: await startNats({ name: id }) }] as const;
      }),
    ]);
    const servers = new Map(started);
    const paths = new Map<string, Proxy>();
    for (const from of ids) {
      for (const to of ids) {
        if (from === to) continue;
        const delayMs = set.roundTripMs(from, to) / 2;
        paths.set(`${from} ${to}`, await startProxy({ target: servers.get(to)!.nats, delayMs }));
      }
      const delayMs = set.roundTripMs(from, set.home.id) / 2;
      paths.set(`${from} source`, await startProxy({ target: postgres, delayMs }));
    }
    return new Topology(set, servers, paths, postgres, await postgres.createDatabase());
  }

  addresses(region: string): { postgres: string; redis: string; nats: Record<string, string> } {
    const nats = Object.fromEntries(
      [...this.servers].map(([id, server]) => {
        const path = this.#paths.get(`${region} ${id}`);
        return [id, path ? `nats://127.0.0.1:${path.port}` : server.nats.url];
      }),
    );
    const postgres = this.adminUrl.replace(/:\d+(?=\/)/, `:${this.path(region, 'source').port}`);
    return { postgres, redis: this.servers.get(region)!.redis.url, nats };
  }

  /** From a region to another region's NATS, or to `source`. */
  path(from: string, to: string): Proxy {
    return this.#paths.get(`${from} ${to}`)!;
  }

  /** Between a region's NATS and the others', both ways. */
  busPaths(region: string): Proxy[] {
    return [...this.#paths]
      .filter(([name]) => name.split(' ').includes(region) && !name.endsWith(' source'))
      .map(([, path]) => path);
  }

  /** One way, as it is without faults. */
  delayMs(from: string, to: string): number {
    return this.#set.roundTripMs(from, to) / 2;
  }

  get home(): string {
    return this.#set.home.id;
  }

  async close(): Promise<void> {
    await this.admin.end();
    await Promise.all([...this.#paths.values()].map((path) => path.close()));
    await Promise.all([...this.servers.values()].flatMap(({ redis, nats }) => [redis.close(), nats.close()]));
    await this.postgres.close();
  }
}
