import { type Duration, type EngineEvent, noTelemetry, startNode, type Telemetry } from '@tidemark/core';
import { type Exporter, type ExportOptions, startExport, storePeer } from '@tidemark/warmup';
import { connectRegion, type RegionPlace } from './connect-region.ts';
import { reached, type ServerEvent } from './server-watch.ts';

export interface AgentOptions extends RegionPlace {
  readonly relay: boolean;
  readonly applier: boolean;
  /** How often freshness is proven anew; a node's default when left out. */
  readonly pingInterval?: Duration;
  readonly telemetry?: Telemetry;
  /** Serves what the region may serve, for warm-ups of regions that can't reach its Redis. */
  readonly exporting?: Pick<ExportOptions, 'host' | 'port' | 'token' | 'tls'>;
  /** Told of what an operator wants to know. */
  readonly onEvent: (event: EngineEvent | ServerEvent) => void;
  /** Ends the agent: it gives its roles back, so that others take them at once. */
  readonly signal: AbortSignal;
  /** The roles are offered, and the region's own servers answer. Peers may be away. */
  readonly onReady: (exported: Exporter | null) => void;
}

/**
 * Runs a region's roles without a service. Servers that are away are waited for, for as long as it takes;
 * meanwhile the agent does what the others allow.
 *
 * It has no keyspaces: values that peers ship (`onWrite: 'update'`) are left to the services' loads.
 *
 * @throws RegionError, ConfigurationError
 */
export async function runAgent(options: AgentOptions): Promise<void> {
  const {
    relay,
    applier,
    pingInterval,
    onEvent,
    signal,
    onReady,
    telemetry = noTelemetry,
    exporting,
    ...place
  } = options;
  const parts = await connectRegion(place);
  const ending = new AbortController();
  const ended = AbortSignal.any([signal, ending.signal]);
  const exporter = exporting
    ? await startExport({
        ...exporting,
        peer: storePeer(place.id, parts.store),
        region: place.id,
        source: place.source,
      }).catch(async (error: unknown) => {
        await parts.close();
        throw error;
      })
    : null;
  try {
    const needed = await parts.servers();
    const there = needed.map((server) => reached(server, onEvent, ended));
    const node = await startNode({
      keyspaces: [],
      store: parts.store,
      bus: await parts.bus(),
      source: parts.source,
      roles: { relay, applier },
      ...(pingInterval !== undefined && { pingInterval }),
      telemetry: {
        ...telemetry,
        records: true,
        record(event) {
          telemetry.record(event);
          onEvent(event);
        },
      },
    });
    try {
      await Promise.all(there.filter((_, i) => needed[i]!.region === place.id));
      if (signal.aborted) return;
      onReady(exporter);
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    } finally {
      await node.close();
    }
  } finally {
    ending.abort();
    await exporter?.close();
    await parts.close();
  }
}
