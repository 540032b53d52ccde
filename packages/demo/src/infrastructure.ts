import type { Bus, Store } from '@tidemark/core';
import { memoryMesh, memoryStore } from '@tidemark/memory';
import { natsBus } from '@tidemark/nats';
import { redisStore } from '@tidemark/redis';
import type { Region, RegionSet } from '@tidemark/regions';
import { systemRuntime } from '@tidemark/core';
import { type Server, startNats, startPostgres, startRedis } from '@tidemark/testbed';
import { openPaths, type Paths } from './paths.ts';

/** Name of the source of truth in subjects and keys. */
export const SOURCE = 'cities';

/** Where the demo's regions live; the same for embedded parts and for real servers. */
export interface Infrastructure {
  /** The source, without delay and never cut: for the demo's own set-up and checks. */
  readonly adminUrl: string;
  /** The source as a region reaches it. */
  sourceUrl(region: string): string;
  /** A connection of one process to its region's store. */
  store(region: string): Promise<Store>;
  /** A connection of one process to the bus, as a member of its region. */
  bus(region: string): Promise<Bus>;
  /** Cuts a region off from all others, the source included. */
  cut(region: string): void;
  heal(region: string): void;
  /**
   * A region's servers as somebody in the home region reaches them: as far away as the region is, and
   * silent while it is cut off. Null: its parts live in this process only.
   */
  endpoints(region: string): Region['endpoints'] | null;
  close(): Promise<void>;
}

/** What must be closed, last opened first. */
class Closing {
  readonly #tasks: (() => Promise<unknown>)[] = [];

  add<T extends { close(): Promise<unknown> }>(resource: T): T {
    this.#tasks.push(() => resource.close());
    return resource;
  }

  async close(): Promise<void> {
    for (const task of this.#tasks.reverse()) await task();
  }
}

/** Memory stores and an in-process mesh; a real Postgres behind a proxy for each remote region. */
export async function embedded(set: RegionSet): Promise<Infrastructure> {
  const closing = new Closing();
  try {
    const postgres = closing.add(await startPostgres());
    const source = await toSource(set, postgres, closing);
    const mesh = memoryMesh({
      runtime: systemRuntime,
      regions: set.regions.map(({ id }) => id),
      delayMs: (from, to) => set.roundTripMs(from, to) / 2,
    });
    const stores = new Map(set.regions.map(({ id }) => [id, memoryStore({ runtime: systemRuntime })]));
    return {
      adminUrl: postgres.url,
      sourceUrl: (region) => source.url(region, set.home.id),
      store: async (region) => stores.get(region)!,
      bus: async (region) => closing.add(mesh.bus(region)),
      cut(region) {
        mesh.cut(region);
        source.cut(region);
      },
      heal(region) {
        mesh.heal(region);
        source.heal(region);
      },
      endpoints: () => null,
      close: () => closing.close(),
    };
  } catch (error) {
    await closing.close();
    throw error;
  }
}

/** Three Redis, three NATS and one Postgres; every path between regions goes through a proxy. */
export async function services(set: RegionSet): Promise<Infrastructure> {
  const closing = new Closing();
  const home = set.home.id;
  try {
    const [postgres, ...started] = await Promise.all([
      startPostgres().then((server) => closing.add(server)),
      ...set.regions.map(async ({ id }) => ({
        id,
        redis: closing.add(await startRedis()),
        nats: closing.add(await startNats({ name: id })),
      })),
    ]);
    const servers = new Map(started.map((each) => [each.id, each]));
    const ids = set.regions.map(({ id }) => id);
    const source = await toSource(set, postgres, closing);
    const nats = closing.add(
      await openPaths(
        set,
        ids.flatMap((from) => ids.map((to) => ({ from, to }))),
        (id) => servers.get(id)!.nats,
      ),
    );
    // Services use the Redis of their own region only; what looks at the mesh from outside asks all.
    const redis = closing.add(
      await openPaths(
        set,
        ids.map((to) => ({ from: home, to })),
        (id) => servers.get(id)!.redis,
      ),
    );
    return {
      adminUrl: postgres.url,
      sourceUrl: (region) => source.url(region, home),
      store: async (region) =>
        closing.add(await redisStore({ url: servers.get(region)!.redis.url, namespace: SOURCE })),
      bus: async (region) =>
        closing.add(
          await natsBus({
            source: SOURCE,
            region,
            servers: Object.fromEntries(ids.map((id) => [id, { servers: nats.url(region, id) }])),
          }),
        ),
      cut(region) {
        for (const paths of [source, nats, redis]) paths.cut(region);
      },
      heal(region) {
        for (const paths of [source, nats, redis]) paths.heal(region);
      },
      endpoints: (region) => ({
        redis: redis.url(home, region),
        nats: nats.url(home, region),
        postgres: source.url(region, home),
      }),
      close: () => closing.close(),
    };
  } catch (error) {
    await closing.close();
    throw error;
  }
}

/** One path from each remote region to the source. */
async function toSource(set: RegionSet, postgres: Server, closing: Closing): Promise<Paths> {
  const pairs = set.regions.map(({ id }) => ({ from: id, to: set.home.id }));
  return closing.add(await openPaths(set, pairs, () => postgres));
}
