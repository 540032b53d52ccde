import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  keyspace,
  type NodeOptions,
  type SourceOfTruth,
  type SqlExecutor,
  startNode,
  type Store,
  type Telemetry,
  noTelemetry,
  type TidemarkNode,
} from '@tidemark/core';
import { natsBus } from '@tidemark/nats';
import { migrate, postgresSource, trackTable } from '@tidemark/postgres';
import { type RedisStore, redisStore } from '@tidemark/redis';
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
import { expect, vi } from 'vitest';

export const IDS = ['us', 'eu', 'ap'] as const;
export type Id = (typeof IDS)[number];
export const WAIT = { timeout: 20_000, interval: 20 };

export const items = keyspace({
  name: 'item',
  params: { id: 'int' },
  ttl: '10m',
  retain: 3,
  load: ({ id }, { db }) =>
    db.maybeOne<{ id: number; value: string }>('select id, value from items where id = $1', [id]),
});

export interface MeshMember {
  readonly node: TidemarkNode<SqlExecutor>;
  readonly store: RedisStore;
  readonly source: SourceOfTruth<SqlExecutor, SqlExecutor>;
  readonly close: () => Promise<void>;
}

type Open = (id: Id, own: Partial<NodeOptions<SqlExecutor, SqlExecutor>>) => Promise<MeshMember>;

/** Three regions of real servers with a node each, and the folder of region files that describes them. */
export class ThreeRegions {
  readonly dir: string;
  readonly admin: pg.Pool;
  readonly url: string;
  readonly redis: Readonly<Record<Id, Server>>;
  readonly members: Readonly<Record<Id, MeshMember>>;
  /** From a region to its own NATS, as the region files have it: what commands come through. */
  readonly #natsPaths: Readonly<Record<Id, Proxy>>;
  readonly #redisPaths: Readonly<Record<Id, Proxy>>;
  readonly #open: Open;
  readonly #closing: readonly (() => Promise<unknown>)[];

  private constructor(
    parts: Pick<ThreeRegions, 'dir' | 'admin' | 'url' | 'redis' | 'members'> & {
      readonly natsPaths: Readonly<Record<Id, Proxy>>;
      readonly redisPaths: Readonly<Record<Id, Proxy>>;
      readonly open: Open;
      readonly closing: readonly (() => Promise<unknown>)[];
    },
  ) {
    this.dir = parts.dir;
    this.admin = parts.admin;
    this.url = parts.url;
    this.redis = parts.redis;
    this.members = parts.members;
    this.#natsPaths = parts.natsPaths;
    this.#redisPaths = parts.redisPaths;
    this.#open = parts.open;
    this.#closing = parts.closing;
  }

  /** @param overlay what the node of a region gets instead of its store, for tests that break a rule */
  static async start(
    options: Partial<NodeOptions<SqlExecutor, SqlExecutor>> & { readonly telemetry?: Telemetry } = {},
    overlay: (id: Id, store: Store) => Store = (_, store) => store,
  ): Promise<ThreeRegions> {
    const closing: (() => Promise<unknown>)[] = [];
    const kept = <T extends { close(): Promise<unknown> }>(each: T): T => {
      closing.unshift(() => each.close());
      return each;
    };
    const perRegion = async <T>(work: (id: Id) => Promise<T>): Promise<Record<Id, T>> =>
      Object.fromEntries(await Promise.all(IDS.map(async (id) => [id, await work(id)] as const))) as Record<
        Id,
        T
      >;
    const [postgres, redis, nats]: [PostgresServer, Record<Id, Server>, Record<Id, Server>] =
      await Promise.all([
        startPostgres().then(kept),
        perRegion(async () => kept(await startRedis())),
        perRegion(async (id) => kept(await startNats({ name: id }))),
      ]);
    const natsPaths = await perRegion(async (id) => kept(await startProxy({ target: nats[id] })));
    const redisPaths = await perRegion(async (id) => kept(await startProxy({ target: redis[id] })));
    const url = await postgres.createDatabase();
    const admin = new pg.Pool({ connectionString: url, max: 2 });
    admin.on('error', () => {});
    closing.unshift(() => admin.end());
    await migrate(admin);
    await admin.query('create table items (id integer primary key, value text not null)');
    const dir = await mkdtemp(join(tmpdir(), 'tidemark-three-'));
    closing.push(() => rm(dir, { recursive: true }));
    for (const id of IDS) {
      const peers = IDS.filter((peer) => peer !== id).map((peer) => ({ id: peer, roundTripMs: 1 }));
      const endpoints = {
        redis: `redis://127.0.0.1:${redisPaths[id].port}`,
        nats: `nats://127.0.0.1:${natsPaths[id].port}`,
        postgres: url,
      };
      const file = { id, role: id === 'us' ? 'home' : 'replica', endpoints, peers };
      await writeFile(join(dir, `${id}.json`), JSON.stringify(file));
    }
    const servers = Object.fromEntries(
      IDS.map((id) => [id, { servers: `nats://127.0.0.1:${natsPaths[id].port}` }]),
    );
    const open = async (
      id: Id,
      own: Partial<NodeOptions<SqlExecutor, SqlExecutor>> = {},
    ): Promise<MeshMember> => {
      const source = postgresSource({
        connectionString: url,
        connectTimeoutMs: 2_000,
        statementTimeoutMs: 4_000,
      });
      const store = await redisStore({ url: `redis://127.0.0.1:${redisPaths[id].port}`, namespace: 'shop' });
      const bus = await natsBus({ source: 'shop', region: id, servers });
      const node = await startNode({
        keyspaces: [items],
        store: overlay(id, store),
        bus,
        source,
        pingInterval: 200,
        // A region that is cut off takes no role with it.
        roles: { relay: id === 'us', applier: true },
        telemetry: noTelemetry,
        ...options,
        ...own,
      });
      let closed: Promise<void> | null = null;
      const close = (): Promise<void> =>
        (closed ??= (async () => {
          await node.close();
          await bus.close();
          await store.close();
          await source.close();
        })());
      closing.unshift(close);
      return { node, store, source, close };
    };
    const members = await perRegion((id) => open(id));
    const regions = new ThreeRegions({
      dir,
      admin,
      url,
      redis,
      members,
      natsPaths,
      redisPaths,
      open,
      closing,
    });
    await regions.track();
    await vi.waitFor(() => {
      for (const { node } of Object.values(members))
        expect(node.stats().stalenessBoundMs).toBeLessThan(5_000);
    }, WAIT);
    return regions;
  }

  get place(): string[] {
    return ['--regions', this.dir, '--source', 'shop'];
  }

  /** Nothing gets through to the region's Redis and NATS any more, without a word to anybody. */
  cut(id: Id): void {
    this.#redisPaths[id].cut('blackhole');
    this.#natsPaths[id].cut('blackhole');
  }

  /** Each way to and from the region's Redis takes so long. */
  slowRedis(id: Id, ms: number): void {
    this.#redisPaths[id].setDelay(ms);
  }

  heal(id: Id): void {
    this.#redisPaths[id].heal();
    this.#natsPaths[id].heal();
  }

  /** Another process of the region, which offers no roles. */
  join(
    id: Id,
    own: Pick<NodeOptions<SqlExecutor, SqlExecutor>, 'keyspaces' | 'groups'>,
  ): Promise<MeshMember> {
    return this.#open(id, { ...own, roles: { relay: false, applier: false } });
  }

  /** Ends the region's only process. */
  stop(id: Id): Promise<void> {
    return this.members[id].close();
  }

  track(): Promise<void> {
    return trackTable(this.admin, { table: 'items', keyspace: 'item', keys: ['id'] });
  }

  async write(id: number, value: string): Promise<void> {
    await this.members.us.node.write((tx) =>
      tx.query('insert into items values ($1, $2) on conflict (id) do update set value = excluded.value', [
        id,
        value,
      ]),
    );
  }

  /** Resolves when every region (that is named) has heard of the key's newest version. */
  async settled(id: number, ids: readonly Id[] = IDS): Promise<void> {
    const key = items.key({ id });
    const { versions } = await this.members.us.source.labels([key]);
    await vi.waitFor(async () => {
      for (const region of ids) {
        const { records } = await this.members[region].store.read([key]);
        expect(records[0]?.tidemark).toEqual(versions[0]);
      }
    }, WAIT);
  }

  async close(): Promise<void> {
    for (const close of this.#closing) await close();
  }
}
