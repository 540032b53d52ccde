import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyspace, noTelemetry, type SqlExecutor, startNode, type TidemarkNode } from '@tidemark/core';
import { type Mesh, openMesh } from '@tidemark/inspect';
import { natsBus } from '@tidemark/nats';
import { migrate, postgresSource, trackTable } from '@tidemark/postgres';
import { redisStore } from '@tidemark/redis';
import { type Proxy, startNats, startPostgres, startProxy, startRedis } from '@tidemark/testbed';
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
  const through = async (server: Parameters<typeof startProxy>[0]['target']): Promise<Proxy> =>
    kept(await startProxy({ target: server }));
  const [postgres, redis, nats] = await Promise.all([
    startPostgres().then(kept),
    perRegion(async () => through(kept(await startRedis()))),
    perRegion(async (id) => through(kept(await startNats({ name: id })))),
  ]);
  const url = await postgres.createDatabase();
  const admin = new pg.Pool({ connectionString: url, max: 2 });
  admin.on('error', () => {});
  closing.unshift(() => admin.end());
  await migrate(admin);
  await admin.query('create table items (id integer primary key, value text not null)');
  await trackTable(admin, { table: 'items', keyspace: items.name, keys: ['id'] });
  const dir = await mkdtemp(join(tmpdir(), 'tidemark-console-'));
  closing.push(() => rm(dir, { recursive: true }));
  for (const id of IDS)
    await writeFile(join(dir, `${id}.json`), JSON.stringify(regionFile(id, { url, redis, nats })));
  const servers = Object.fromEntries(IDS.map((id) => [id, { servers: natsUrl(nats[id]) }]));
  const nodes = await perRegion(async (region) => {
    const source = kept(
      postgresSource({ connectionString: url, connectTimeoutMs: 2_000, statementTimeoutMs: 4_000 }),
    );
    const store = kept(await redisStore({ url: redisUrl(redis[region]), namespace: SOURCE }));
    const bus = kept(await natsBus({ source: SOURCE, region, servers }));
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
    cut(id) {
      redis[id].cut('blackhole');
      nats[id].cut('blackhole');
    },
    heal(id) {
      redis[id].heal();
      nats[id].heal();
    },
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

function redisUrl({ port }: Proxy): string {
  return `redis://127.0.0.1:${port}`;
}

function natsUrl({ port }: Proxy): string {
  return `nats://127.0.0.1:${port}`;
}

function regionFile(
  id: Id,
  at: {
    readonly url: string;
    readonly redis: Readonly<Record<Id, Proxy>>;
    readonly nats: Readonly<Record<Id, Proxy>>;
  },
): object {
  return {
    id,
    role: id === 'us-east' ? 'home' : 'replica',
    location: PLACES[id],
    endpoints: { redis: redisUrl(at.redis[id]), nats: natsUrl(at.nats[id]), postgres: at.url },
    peers: IDS.filter((peer) => peer !== id).map((peer) => ({ id: peer, roundTripMs: 1 })),
  };
}
