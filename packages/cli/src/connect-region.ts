import type { SourceOfTruth, SqlExecutor, Store } from '@tidemark/core';
import { type NatsBus, natsBus } from '@tidemark/nats';
import { postgresSource } from '@tidemark/postgres';
import { redisStore, type RedisStoreOptions } from '@tidemark/redis';
import { loadRegions, type Region } from '@tidemark/regions';
import { addressOf, type NeededServer } from './server-watch.ts';

/** For commands that somebody runs, from wherever: a service's own limit is for the Redis beside it, ms. */
export const FROM_AFAR = { commandTimeoutMs: 5_000 };

/** Which region, and of which source of truth. */
export interface RegionPlace {
  /** Folder of region files. */
  readonly dir: string;
  readonly id: string;
  /** Name of the source, as the services' bus has it. */
  readonly source: string;
  /** Namespace in Redis, as the services' store has it. Default: the source's name. */
  readonly namespace?: string;
}

export interface RegionParts {
  readonly store: Store;
  readonly source: SourceOfTruth<SqlExecutor, SqlExecutor>;
  bus(): Promise<NatsBus>;
  /** What the region's roles need: its own servers, and the NATS of its peers. */
  servers(): Promise<readonly NeededServer[]>;
  close(): Promise<void>;
}

/**
 * Connects to a region as its files describe it. Servers that can't be reached yet are no error: the parts
 * say so when they are used.
 *
 * @throws RegionError for region files that can't work, ConfigurationError for names that can't
 */
export async function connectRegion(
  place: RegionPlace,
  options: Pick<RedisStoreOptions, 'commandTimeoutMs'> = {},
): Promise<RegionParts> {
  const { dir, id, source: name, namespace = name } = place;
  const set = await loadRegions(dir);
  const own = set.get(id);
  const store = await redisStore({ url: own.endpoints.redis, namespace, ...options });
  const source = postgresSource({ connectionString: own.endpoints.postgres });
  let opening: Promise<NatsBus> | undefined;
  const bus = (): Promise<NatsBus> => {
    const servers = set.regions.map((region) => [region.id, { servers: region.endpoints.nats }]);
    opening ??= natsBus({ source: name, region: id, servers: Object.fromEntries(servers) });
    return opening;
  };
  return {
    store,
    source,
    bus,
    async servers() {
      const open = await bus();
      const needed = (
        server: NeededServer['server'],
        region: Region,
        reach: () => Promise<unknown>,
      ): NeededServer => ({
        server,
        region: region.id,
        address: addressOf(region.endpoints[server]),
        reach,
      });
      return [
        needed('redis', own, () => store.read([])),
        needed('postgres', own, () => source.changes(null, { limit: 1 })),
        ...set.regions.map((region) => needed('nats', region, () => open.reach(region.id))),
      ];
    },
    async close() {
      await opening?.then(
        (open) => open.close(),
        () => {},
      );
      await store.close();
      await source.close();
    },
  };
}
