import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Bus,
  noTelemetry,
  type SourceOfTruth,
  type SqlExecutor,
  startNode,
  type Store,
  type Telemetry,
  type TidemarkNode,
} from '@tidemark/core';
import { otelTelemetry } from '@tidemark/otel';
import { postgresSource } from '@tidemark/postgres';
import type { RegionSet } from '@tidemark/regions';
import pg from 'pg';
import { withoutTidemarks } from './break-tidemark.ts';
import { cities } from './city.ts';
import type { Infrastructure } from './infrastructure.ts';

/** A mesh that has not proven itself in this time does not. */
export const CONVERGE_MAX_MS = 60_000;
const NODES_PER_REGION = 2;
/** A region that is cut off learns it by timeouts; the demo does not want to wait for them long. */
const SOURCE_TIMEOUT_MS = 2_000;

export interface MeshNode {
  readonly region: string;
  readonly node: TidemarkNode<SqlExecutor>;
  readonly store: Store;
  readonly bus: Bus;
  readonly pool: pg.Pool;
}

/** Two nodes in each region, as a company's services would run them. */
export interface Mesh {
  readonly nodes: readonly MeshNode[];
  of(region: string): readonly MeshNode[];
  close(): Promise<void>;
}

export async function startMesh(
  set: RegionSet,
  infrastructure: Infrastructure,
  options: { readonly breakTidemark: boolean; readonly telemetry: boolean },
): Promise<Mesh> {
  const nodes: MeshNode[] = [];
  const sources: SourceOfTruth[] = [];
  for (const { id: region } of set.regions) {
    for (let number = 1; number <= NODES_PER_REGION; number += 1) {
      const connectionString = infrastructure.sourceUrl(region);
      const source = postgresSource({
        connectionString,
        // A far source answers a connection once a round trip.
        poolMax: region === set.home.id ? 12 : 36,
        statementTimeoutMs: SOURCE_TIMEOUT_MS,
        connectTimeoutMs: SOURCE_TIMEOUT_MS,
      });
      const store = await infrastructure.store(region);
      const bus = await infrastructure.bus(region);
      const telemetry: Telemetry = options.telemetry
        ? otelTelemetry({ region, node: `${region}-${number}` })
        : noTelemetry;
      const node = await startNode({
        id: `${region}-${number}`,
        keyspaces: [cities],
        store: options.breakTidemark ? withoutTidemarks(store) : store,
        bus,
        source,
        telemetry,
        loadTimeout: '5s',
      });
      const pool = new pg.Pool({
        connectionString,
        max: 2,
        connectionTimeoutMillis: SOURCE_TIMEOUT_MS,
        query_timeout: SOURCE_TIMEOUT_MS,
      });
      pool.on('error', () => {}); // An idle connection died in the cut; the next query reports it.
      sources.push(source);
      nodes.push({ region, node, store: options.breakTidemark ? withoutTidemarks(store) : store, bus, pool });
    }
  }
  return {
    nodes,
    of: (region) => nodes.filter((each) => each.region === region),
    async close() {
      await Promise.all(nodes.map(({ node }) => node.close()));
      await Promise.all(nodes.map(({ pool }) => pool.end()));
      await Promise.all(sources.map((source) => source.close()));
    },
  };
}

/** Waits until every node has proven that what was acknowledged before `sinceMs` is applied. */
export async function provenWithin(
  mesh: Mesh,
  maxMs: number,
  sinceMs: number,
  signal: AbortSignal,
): Promise<void> {
  const untilMs = performance.now() + maxMs;
  const proven = (): boolean =>
    mesh.nodes.every(({ node }) => performance.now() - node.stats().stalenessBoundMs >= sinceMs);
  while (!proven() && performance.now() < untilMs) await sleep(20, undefined, { signal });
}
