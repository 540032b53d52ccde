import type { RegionSet } from '@tidemark/regions';
import { type Proxy, type Server, startProxy } from '@tidemark/testbed';

/** From a region to a server in another. */
interface Path {
  readonly from: string;
  readonly to: string;
}

/** The ways between regions to one kind of server: as long as the regions are apart, cut with either of them. */
export interface Paths {
  /** Where the server of `to` is found from `from`; within a region, at the server itself. */
  url(from: string, to: string): string;
  cut(region: string): void;
  heal(region: string): void;
  close(): Promise<void>;
}

/** Opens a proxy for each path; none for what stays within a region. */
export async function openPaths(
  set: RegionSet,
  paths: readonly Path[],
  server: (region: string) => Server,
): Promise<Paths> {
  const open = await Promise.all(
    paths
      .filter(({ from, to }) => from !== to)
      .map(async ({ from, to }) => ({
        from,
        to,
        proxy: await startProxy({ target: server(to), delayMs: set.roundTripMs(from, to) / 2 }),
      })),
  );
  const of = (region: string): Proxy[] =>
    open.filter(({ from, to }) => from === region || to === region).map(({ proxy }) => proxy);
  return {
    url(from, to) {
      const path = open.find((each) => each.from === from && each.to === to);
      return path ? atPort(server(to).url, path.proxy.port) : server(to).url;
    },
    cut(region) {
      for (const proxy of of(region)) proxy.cut('blackhole');
    },
    heal(region) {
      for (const proxy of of(region)) proxy.heal();
    },
    async close() {
      await Promise.all(open.map(({ proxy }) => proxy.close()));
    },
  };
}

function atPort(url: string, port: number): string {
  return Object.assign(new URL(url), { port: String(port) }).href;
}
