import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startNats } from './nats.ts';
import { type PostgresServer, startPostgres } from './postgres.ts';
import { type Proxy, startProxy } from './proxy.ts';
import { startRedis } from './redis.ts';
import type { Server } from './server.ts';
import { makeTempDir, removeTempDir } from './temp-dir.ts';

/** Of each region: where its servers are. */
export interface RegionEndpoints {
  readonly redis: string;
  readonly nats: string;
  readonly postgres: string;
}

export interface RegionFilesOptions<Id extends string> {
  readonly locations?: Readonly<Record<Id, { readonly latitude: number; readonly longitude: number }>>;
}

/** Redis and NATS of several regions, each behind a path that can be cut, over one database. */
export interface RegionServers<Id extends string> {
  /** Folder of region files, which lead through the paths; the first region is the home. */
  readonly dir: string;
  readonly postgres: PostgresServer;
  readonly redis: Readonly<Record<Id, Server>>;
  readonly endpoints: Readonly<Record<Id, RegionEndpoints>>;
  /** Nothing gets through to the region's Redis and NATS any more, without a word to anybody. */
  cut(id: Id): void;
  heal(id: Id): void;
  /** Each way to and from the region's Redis takes so long. */
  slowRedis(id: Id, ms: number): void;
  close(): Promise<void>;
}

export async function startRegionServers<Id extends string>(
  ids: readonly Id[],
  options: RegionFilesOptions<Id> = {},
): Promise<RegionServers<Id>> {
  const closing: (() => Promise<unknown>)[] = [];
  const kept = <T extends { close(): Promise<unknown> }>(each: T): T => {
    closing.unshift(() => each.close());
    return each;
  };
  const close = async (): Promise<void> => {
    for (const each of closing.splice(0)) await each();
  };
  try {
    const [postgres, redis, nats] = await Promise.all([
      startPostgres().then(kept),
      byId(ids, async () => kept(await startRedis())),
      byId(ids, async (id) => kept(await startNats({ name: id }))),
    ]);
    const through = async (servers: Readonly<Record<Id, Server>>): Promise<Record<Id, Proxy>> =>
      byId(ids, async (id) => kept(await startProxy({ target: servers[id] })));
    const paths = { redis: await through(redis), nats: await through(nats) };
    const url = await postgres.createDatabase();
    const endpoints = await byId(ids, (id) => ({
      redis: `redis://127.0.0.1:${paths.redis[id].port}`,
      nats: `nats://127.0.0.1:${paths.nats[id].port}`,
      postgres: url,
    }));
    const dir = await makeTempDir('regions');
    closing.push(() => removeTempDir(dir));
    await writeRegionFiles(dir, endpoints, options);
    return {
      dir,
      postgres,
      redis,
      endpoints,
      cut(id) {
        for (const path of [paths.redis[id], paths.nats[id]]) path.cut('blackhole');
      },
      heal(id) {
        for (const path of [paths.redis[id], paths.nats[id]]) path.heal();
      },
      slowRedis: (id, ms) => paths.redis[id].setDelay(ms),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Describes regions for the programs that find them by files; the first one is the home. */
export async function writeRegionFiles<Id extends string>(
  dir: string,
  endpoints: Readonly<Record<Id, RegionEndpoints>>,
  { locations }: RegionFilesOptions<Id> = {},
): Promise<void> {
  const ids = Object.keys(endpoints) as Id[];
  for (const id of ids) {
    const file = {
      id,
      role: id === ids[0] ? 'home' : 'replica',
      ...(locations && { location: locations[id] }),
      endpoints: endpoints[id],
      peers: ids.filter((peer) => peer !== id).map((peer) => ({ id: peer, roundTripMs: 1 })),
    };
    await writeFile(join(dir, `${id}.json`), JSON.stringify(file));
  }
}

/** The same for each of them, at the same time. */
export async function byId<Id extends string, T>(
  ids: readonly Id[],
  make: (id: Id) => T | Promise<T>,
): Promise<Record<Id, T>> {
  return Object.fromEntries(
    await Promise.all(ids.map(async (id) => [id, await make(id)] as const)),
  ) as Record<Id, T>;
}
