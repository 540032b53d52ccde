import type { Bus, SourceOfTruth, Store } from '@tidemark/core';
import { natsBus } from '@tidemark/nats';
import { postgresSource } from '@tidemark/postgres';
import { redisStore } from '@tidemark/redis';
import { loadRegions } from '@tidemark/regions';

/** Which region, and of which source of truth. */
export interface RegionPlace {
  /** Folder of region files. */
  readonly dir: string;
  readonly id: string;
  /** Name of the source: namespace in Redis, part of the subjects in NATS. As the services have it. */
  readonly source: string;
}

export interface RegionParts {
  readonly store: Store;
  readonly source: SourceOfTruth;
  bus(): Promise<Bus>;
  close(): Promise<void>;
}

/**
 * Connects to a region as its files describe it. Servers that can't be reached yet are no error: the parts
 * say so when they are used.
 *
 * @throws RegionError for region files that can't work, ConfigurationError for names that can't
 */
export async function connectRegion({ dir, id, source: name }: RegionPlace): Promise<RegionParts> {
  const set = await loadRegions(dir);
  const { endpoints } = set.get(id);
  const store = await redisStore({ url: endpoints.redis, namespace: name });
  const source = postgresSource({ connectionString: endpoints.postgres });
  let bus: Bus | undefined;
  return {
    store,
    source,
    async bus() {
      const servers = Object.fromEntries(
        set.regions.map((region) => [region.id, { servers: region.endpoints.nats }]),
      );
      bus ??= await natsBus({ source: name, region: id, servers });
      return bus;
    },
    async close() {
      await bus?.close();
      await store.close();
      await source.close();
    },
  };
}
