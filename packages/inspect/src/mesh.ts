import {
  FreshnessObserver,
  NodeAsker,
  type SourceOfTruth,
  SourceUnavailableError,
  type SqlExecutor,
  systemRuntime,
} from '@tidemark/core';
import { NatsObserver } from '@tidemark/nats';
import { inspectSource, postgresSource, type SourceInspector } from '@tidemark/postgres';
import { type RedisStore, redisStore } from '@tidemark/redis';
import { loadRegions, type Region, type RegionSet } from '@tidemark/regions';

const ANSWER_MS = 2_000;

/** Which mesh: its region files, and the names that its services have. */
export interface MeshPlace {
  /** Folder of region files. */
  readonly dir: string;
  /** Name of the source, as the services' bus has it. */
  readonly source: string;
  /** Namespace in Redis, as the services' store has it. Default: the source's name. */
  readonly namespace?: string;
  /** Only these regions. Default: all. */
  readonly only?: readonly string[];
  /** How long each server may take to answer, ms. Default 2,000. */
  readonly answerMs?: number;
}

/** One region of an open mesh. */
export interface MeshRegion {
  readonly region: Region;
  readonly store: RedisStore;
  /** The source, as this region reaches it. */
  readonly source: SourceOfTruth<SqlExecutor, SqlExecutor>;
  readonly inspector: SourceInspector;
  readonly freshness: FreshnessObserver;
  /** See `askNodes`. */
  readonly asker: NodeAsker;
}

/** Connections to all servers of a mesh, for looking at it. Servers may be away at any time. Close it. */
export interface Mesh {
  readonly set: RegionSet;
  /** Name of the source. */
  readonly source: string;
  readonly namespace: string;
  readonly answerMs: number;
  /** The home region first. */
  readonly regions: readonly MeshRegion[];
  readonly nats: NatsObserver;
  /**
   * Asks the source: through the home region, else through the first other one that reaches it.
   *
   * @throws SourceUnavailableError when none does, and whatever the work throws besides
   */
  truth<T>(
    work: (through: MeshRegion) => Promise<T>,
  ): Promise<{ readonly through: string; readonly answer: T }>;
  close(): Promise<void>;
}

/**
 * Opens a mesh as its region files describe it. Servers that can't be reached are no error.
 *
 * @throws RegionError for region files that can't work, ConfigurationError for names that can't
 */
export async function openMesh(place: MeshPlace): Promise<Mesh> {
  const { dir, source, namespace = source, only, answerMs = ANSWER_MS } = place;
  const set = await loadRegions(dir);
  const chosen = only ? only.map((id) => set.get(id)) : set.regions;
  const servers = Object.fromEntries(chosen.map(({ id, endpoints }) => [id, { servers: endpoints.nats }]));
  const nats = new NatsObserver({ source, servers });
  const regions = await Promise.all(
    chosen.map((region) => openRegion(region, { nats, namespace, answerMs })),
  ).catch(async (error: unknown) => {
    await nats.close();
    throw error;
  });
  return {
    set,
    source,
    namespace,
    answerMs,
    regions,
    nats,
    truth: (work) => askTruth(regions, work),
    async close() {
      await Promise.all(
        regions.flatMap((each) => [
          each.freshness.stop(),
          each.asker.stop(),
          each.store.close(),
          each.source.close(),
        ]),
      );
      await nats.close();
    },
  };
}

async function openRegion(
  region: Region,
  {
    nats,
    namespace,
    answerMs,
  }: { readonly nats: NatsObserver; readonly namespace: string; readonly answerMs: number },
): Promise<MeshRegion> {
  const store = await redisStore({ url: region.endpoints.redis, namespace, commandTimeoutMs: answerMs });
  const source = postgresSource({
    connectionString: region.endpoints.postgres,
    connectTimeoutMs: answerMs,
    statementTimeoutMs: answerMs,
    poolMax: 3,
  });
  const signals = nats.signals(region.id);
  const freshness = new FreshnessObserver(signals, { runtime: systemRuntime });
  // Its pings go out once the server is there.
  void freshness.start();
  return {
    region,
    store,
    source,
    inspector: inspectSource(source.db),
    freshness,
    asker: new NodeAsker(signals, systemRuntime),
  };
}

async function askTruth<T>(
  regions: readonly MeshRegion[],
  work: (through: MeshRegion) => Promise<T>,
): Promise<{ readonly through: string; readonly answer: T }> {
  let away: unknown;
  const tried = new Set<string>();
  for (const through of regions) {
    const { id, endpoints } = through.region;
    if (tried.has(endpoints.postgres)) continue;
    tried.add(endpoints.postgres);
    try {
      return { through: id, answer: await work(through) };
    } catch (error) {
      if (!(error instanceof SourceUnavailableError)) throw error;
      away ??= error;
    }
  }
  throw away;
}
