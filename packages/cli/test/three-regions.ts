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
import { byId, type RegionServers, startRegionServers } from '@tidemark/testbed';
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

type Own = Partial<NodeOptions<SqlExecutor, SqlExecutor>> & { readonly telemetry?: Telemetry };
type Open = (id: Id, own?: Own) => Promise<MeshMember>;

/** Three regions of real servers with a node each, and the folder of region files that describes them. */
export class ThreeRegions {
  readonly admin: pg.Pool;
  readonly members: Readonly<Record<Id, MeshMember>>;
  readonly #servers: RegionServers<Id>;
  readonly #open: Open;
  /** Of a member when it was opened: the last one is first. */
  readonly #closing: readonly (() => Promise<void>)[];

  private constructor(
    parts: Pick<ThreeRegions, 'admin' | 'members'>,
    servers: RegionServers<Id>,
    open: Open,
    closing: readonly (() => Promise<void>)[],
  ) {
    this.admin = parts.admin;
    this.members = parts.members;
    this.#servers = servers;
    this.#open = open;
    this.#closing = closing;
  }

  /** @param overlay what the node of a region gets instead of its store, for tests that break a rule */
  static async start(
    options: Own = {},
    overlay: (id: Id, store: Store) => Store = (_, store) => store,
  ): Promise<ThreeRegions> {
    const servers = await startRegionServers(IDS);
    const admin = new pg.Pool({ connectionString: servers.endpoints.us.postgres, max: 2 });
    admin.on('error', () => {});
    await migrate(admin);
    await admin.query('create table items (id integer primary key, value text not null)');
    const closing: (() => Promise<void>)[] = [];
    const open: Open = async (id, own) => {
      const member = await openMember(servers, id, overlay, { ...options, ...own });
      closing.unshift(member.close);
      return member;
    };
    const members = await byId(IDS, (id) => open(id));
    const regions = new ThreeRegions({ admin, members }, servers, open, closing);
    await regions.track();
    await vi.waitFor(() => {
      for (const { node } of Object.values(members))
        expect(node.stats().stalenessBoundMs).toBeLessThan(5_000);
    }, WAIT);
    return regions;
  }

  get url(): string {
    return this.#servers.endpoints.us.postgres;
  }

  get dir(): string {
    return this.#servers.dir;
  }

  /** Past the paths that are cut. */
  get redis(): RegionServers<Id>['redis'] {
    return this.#servers.redis;
  }

  /** Of the region files. */
  get endpoints(): RegionServers<Id>['endpoints'] {
    return this.#servers.endpoints;
  }

  get place(): string[] {
    return ['--regions', this.dir, '--source', 'shop'];
  }

  /** Nothing gets through to the region's Redis and NATS any more, without a word to anybody. */
  cut(id: Id): void {
    this.#servers.cut(id);
  }

  /** Each way to and from the region's Redis takes so long. */
  slowRedis(id: Id, ms: number): void {
    this.#servers.slowRedis(id, ms);
  }

  heal(id: Id): void {
    this.#servers.heal(id);
  }

  /** Another process of the region, which offers no roles. */
  join(
    id: Id,
    own: Pick<Own, 'groups'> & { readonly keyspaces: Own['keyspaces'] & {} },
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
    await this.admin.end();
    await this.#servers.close();
  }
}

async function openMember(
  { endpoints }: RegionServers<Id>,
  region: Id,
  overlay: (id: Id, store: Store) => Store,
  own: Own,
): Promise<MeshMember> {
  const source = postgresSource({
    connectionString: endpoints[region].postgres,
    connectTimeoutMs: 2_000,
    statementTimeoutMs: 4_000,
  });
  const store = await redisStore({ url: endpoints[region].redis, namespace: 'shop' });
  const servers = await byId(IDS, (id) => ({ servers: endpoints[id].nats }));
  const bus = await natsBus({ source: 'shop', region, servers });
  const node = await startNode({
    keyspaces: [items],
    store: overlay(region, store),
    bus,
    source,
    pingInterval: 200,
    // A region that is cut off takes no role with it.
    roles: { relay: region === 'us', applier: true },
    telemetry: noTelemetry,
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
  return { node, store, source, close };
}
