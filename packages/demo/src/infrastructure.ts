import type { Bus, Store } from '@tidemark/core';
import { memoryMesh, memoryStore } from '@tidemark/memory';
import { natsBus } from '@tidemark/nats';
import { redisStore } from '@tidemark/redis';
import type { RegionSet } from '@tidemark/regions';
import { systemRuntime } from '@tidemark/core';
import { type Proxy, type Server, startNats, startPostgres, startProxy, startRedis } from '@tidemark/testbed';

/** Name of the source of truth in subjects and keys. */
const SOURCE = 'cities';

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
    const source = await sourceProxies(set, postgres, closing);
    const mesh = memoryMesh({
      runtime: systemRuntime,
      regions: set.regions.map(({ id }) => id),
      delayMs: (from, to) => set.roundTripMs(from, to) / 2,
    });
    const stores = new Map(set.regions.map(({ id }) => [id, memoryStore({ runtime: systemRuntime })]));
    return {
      adminUrl: postgres.url,
      sourceUrl: source.url,
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
  try {
    const [postgres, ...pairs] = await Promise.all([
      startPostgres().then((server) => closing.add(server)),
      ...set.regions.map(async ({ id }) => ({
        id,
        redis: closing.add(await startRedis()),
        nats: closing.add(await startNats({ name: id })),
      })),
    ]);
    const source = await sourceProxies(set, postgres, closing);
    const servers = new Map(pairs.map((pair) => [pair.id, pair]));
    const paths = await natsPaths(set, (id) => servers.get(id)!.nats, closing);
    return {
      adminUrl: postgres.url,
      sourceUrl: source.url,
      store: async (region) =>
        closing.add(await redisStore({ url: servers.get(region)!.redis.url, namespace: SOURCE })),
      bus: async (region) =>
        closing.add(
          await natsBus({
            source: SOURCE,
            region,
            servers: Object.fromEntries(
              set.regions.map(({ id }) => [id, { servers: paths.url(region, id) }]),
            ),
          }),
        ),
      cut(region) {
        for (const proxy of [...paths.of(region)]) proxy.cut('blackhole');
        source.cut(region);
      },
      heal(region) {
        for (const proxy of [...paths.of(region)]) proxy.heal();
        source.heal(region);
      },
      close: () => closing.close(),
    };
  } catch (error) {
    await closing.close();
    throw error;
  }
}

/** One path from each remote region to the source. */
async function sourceProxies(
  set: RegionSet,
  postgres: Server,
  closing: Closing,
): Promise<{ url(region: string): string; cut(region: string): void; heal(region: string): void }> {
  const proxies = new Map<string, Proxy>();
  for (const { id } of set.regions) {
    if (id === set.home.id) continue;
    proxies.set(
      id,
      closing.add(await startProxy({ target: postgres, delayMs: set.roundTripMs(id, set.home.id) / 2 })),
    );
  }
  return {
    url: (region) => atPort(postgres.url, proxies.get(region)?.port ?? postgres.port),
    cut: (region) => proxies.get(region)?.cut('blackhole'),
    heal: (region) => proxies.get(region)?.heal(),
  };
}

/** One path from each region to each other region's NATS. */
async function natsPaths(
  set: RegionSet,
  server: (region: string) => Server,
  closing: Closing,
): Promise<{ url(from: string, to: string): string; of(region: string): Iterable<Proxy> }> {
  const proxies: { from: string; to: string; proxy: Proxy }[] = [];
  for (const { id: from } of set.regions) {
    for (const { id: to } of set.regions) {
      if (from === to) continue;
      const proxy = closing.add(
        await startProxy({ target: server(to), delayMs: set.roundTripMs(from, to) / 2 }),
      );
      proxies.push({ from, to, proxy });
    }
  }
  return {
    url(from, to) {
      const path = proxies.find((each) => each.from === from && each.to === to);
      return atPort(server(to).url, path?.proxy.port ?? server(to).port);
    },
    of: (region) =>
      proxies.filter(({ from, to }) => from === region || to === region).map(({ proxy }) => proxy),
  };
}

function atPort(url: string, port: number): string {
  return url.replace(/:\d+(?=\/|$)/, `:${port}`);
}
