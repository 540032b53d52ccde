import { type EngineEvent, noTelemetry, startNode } from '@tidemark/core';
import { connectRegion, type RegionPlace } from './connect-region.ts';

export interface AgentOptions extends RegionPlace {
  readonly relay: boolean;
  readonly applier: boolean;
  /** Told of what an operator wants to know. */
  readonly onEvent: (event: EngineEvent) => void;
  /** Ends the agent: it gives its roles back, so that others take them at once. */
  readonly signal: AbortSignal;
  /** The roles are offered. */
  readonly onReady: () => void;
}

/**
 * Runs a region's roles without a service. Servers that are away are waited for, for as long as it takes.
 *
 * It has no keyspaces: values that peers ship (`onWrite: 'update'`) are left to the services' loads.
 *
 * @throws RegionError, ConfigurationError
 */
export async function runAgent({
  relay,
  applier,
  onEvent,
  signal,
  onReady,
  ...place
}: AgentOptions): Promise<void> {
  const parts = await connectRegion(place);
  try {
    const node = await startNode({
      keyspaces: [],
      store: parts.store,
      bus: await parts.bus(),
      source: parts.source,
      roles: { relay, applier },
      telemetry: { ...noTelemetry, record: onEvent },
    });
    try {
      onReady();
      if (!signal.aborted)
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    } finally {
      await node.close();
    }
  } finally {
    await parts.close();
  }
}
