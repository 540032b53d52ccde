import { keyspace, noTelemetry, type SqlExecutor, startNode, type TidemarkNode } from '@tidemark/core';
import { type Mesh, openMesh } from '@tidemark/inspect';
import { natsBus } from '@tidemark/nats';
import { migrate, postgresSource, trackTable } from '@tidemark/postgres';
import { redisStore } from '@tidemark/redis';
import { byId, startRegionServers } from '@tidemark/testbed';
import pg from 'pg';
import { expect, vi } from 'vitest';

export const WAIT = { timeout: 20_000, interval: 20 };
const SOURCE = 'shop';

export const items = keyspace({
  name: 'item',
  params: { id: 'int' },
  ttl: '10m',
  load: ({ id }, { db }) =>
    db.maybeOne<{ id: number; value: string }>('select id, value from items where id = $1', [id]),
});

const PLACES = {
  'us-east': { latitude: 38.95, longitude: -77.45 },
  'eu-west': { latitude: 53.35, longitude: -6.26 },
  'ap-south': { latitude: 19.08, longitude: 72.88 },
} as const;
export type Id = keyof typeof PLACES;
export const IDS = Object.keys(PLACES) as Id[];

/** Three regions of real servers with a node each, their region files, and an open mesh. */
export interface Regions {
  readonly dir: string;
  readonly mesh: Mesh;
  readonly nodes: Readonly<Record<Id, TidemarkNode<SqlExecutor>>>;
  /** Nothing gets through to the region's Redis and NATS any more, without a word to anybody. */
  cut(id: Id): void;
  heal(id: Id): void;
  write(id: number, value: string): Promise<void>;
  close(): Promise<void>;
}

export async function startRegions(): Promise<Regions> {
  const servers = await startRegionServers(IDS, { locations: PLACES });
  const closing: (() => Promise<unknown>)[] = [servers.close];
  const kept = <T extends { close(): Promise<unknown> }>(each: T): T => {
    closing.unshift(() => each.close());
    return each;
  };
  const { dir, endpoints } = servers;
  const url = endpoints['us-east'].postgres;
  const admin = new pg.Pool({ connectionString: url, max: 2 });
  admin.on('error', () => {});
  closing.unshift(() => admin.end());
  await migrate(admin);
  await admin.query('create table items (id integer primary key, value text not null)');
  await trackTable(admin, { table: 'items', keyspace: items.name, keys: ['id'] });
  const natsServers = await byId(IDS, (id) => ({ servers: endpoints[id].nats }));
  const nodes = await byId(IDS, async (region) => {
    const source = kept(
      postgresSource({ connectionString: url, connectTimeoutMs: 2_000, statementTimeoutMs: 4_000 }),
    );
    const store = kept(await redisStore({ url: endpoints[region].redis, namespace: SOURCE }));
    const bus = kept(await natsBus({ source: SOURCE, region, servers: natsServers }));
    return kept(
      await startNode({
        keyspaces: [items],
        store,
        bus,
        source,
        pingInterval: 200,
        // A region that is cut off takes no role with it.
        roles: { relay: region === 'us-east', applier: true },
        telemetry: noTelemetry,
      }),
    );
  });
  const mesh = kept(await openMesh({ dir, source: SOURCE, answerMs: 800 }));
  await vi.waitFor(() => {
    for (const node of Object.values(nodes)) expect(node.stats().stalenessBoundMs).toBeLessThan(5_000);
  }, WAIT);
  return {
    dir,
    mesh,
    nodes,
    cut: servers.cut,
    heal: servers.heal,
    async write(id, value) {
      await nodes['us-east'].write((tx) =>
        tx.query('insert into items values ($1, $2) on conflict (id) do update set value = excluded.value', [
          id,
          value,
        ]),
      );
    },
    async close() {
      for (const close of closing) await close();
    },
  };
}
