import { ConfigurationError, startNode } from '@tidemark/core';
import { redisStore } from '@tidemark/redis';
import { loadRegions } from '@tidemark/regions';
import {
  exportPeer,
  type LiveProbe,
  type Origin,
  originOf,
  type Peer,
  sourceOrigin,
  storePeer,
} from '@tidemark/warmup';
import type { RegionParts, RegionPlace } from './connect-region.ts';
import { exportToken } from './export-token.ts';
import { loadKeyspaces } from './load-keyspaces.ts';

/** Nobody waits for a single command of a warm-up. */
export const COMMAND_TIMEOUT_MS = 5_000;

export interface OriginsRequest extends RegionPlace {
  readonly from: readonly string[];
  readonly keyspacesModule?: string;
  readonly sourceQps: number;
}

/** Where a warm-up takes values from. */
export interface WarmOrigins {
  readonly peers: readonly Peer[];
  /** In the order in which they are asked; peers are among them. */
  readonly origins: readonly Origin[];
  /** The file to begin with; null for none. */
  readonly snapshot: string | null;
  /** What readers of the peers wait for. */
  readonly probes: readonly LiveProbe[];
}

/**
 * Opens what `--from` names.
 *
 * @param closing gets what closes it
 * @throws ConfigurationError for what can't be meant
 */
export async function openOrigins(
  request: OriginsRequest,
  parts: RegionParts,
  closing: (() => Promise<unknown>)[],
): Promise<WarmOrigins> {
  const peers: Peer[] = [];
  const origins: Origin[] = [];
  let snapshot: string | null = null;
  for (const [i, each] of request.from.entries()) {
    const file = /^snapshot:(.+)$/.exec(each)?.[1];
    if (file !== undefined && i === 0) snapshot = file;
    else if (each === 'source') origins.push(await openSource(request, parts, closing));
    else {
      const peer = await openPeer(request, each, closing);
      peers.push(peer);
      origins.push(originOf(peer));
    }
  }
  const probes = peers.map((peer) => ({ name: peer.name, measureMs: () => peer.readMs() }));
  return { peers, origins, snapshot, probes };
}

async function openSource(
  { keyspacesModule, sourceQps }: OriginsRequest,
  { store, source }: RegionParts,
  closing: (() => Promise<unknown>)[],
): Promise<Origin> {
  if (keyspacesModule === undefined) {
    throw new ConfigurationError(
      '--from source needs --keyspaces, the module that exports how keys are loaded',
    );
  }
  const keyspaces = await loadKeyspaces(keyspacesModule);
  const node = await startNode({ keyspaces, store, source, hotKeysMax: 0 });
  closing.push(() => node.close());
  return sourceOrigin({ node, keyspaces, store, budget: { loadsPerSecond: sourceQps } });
}

async function openPeer(
  { dir, id, source, namespace = source }: OriginsRequest,
  from: string,
  closing: (() => Promise<unknown>)[],
): Promise<Peer> {
  if (/^https?:\/\//.test(from)) {
    const peer = exportPeer({ url: from, token: exportToken('--from an address'), source, region: id });
    // One that is away may come back; what is wrong with it is said now.
    await peer.readMs().catch((error: unknown) => {
      if (error instanceof ConfigurationError) throw error;
    });
    return peer;
  }
  const region = /^peer:(.+)$/.exec(from)?.[1];
  if (region === undefined) {
    throw new ConfigurationError(
      `--from takes peer:REGION, the address of an export, source, or first of all snapshot:FILE, not ${JSON.stringify(from)}`,
    );
  }
  if (region === id) {
    throw new ConfigurationError(`${id} can't be warmed from itself; name another region`);
  }
  const url = (await loadRegions(dir)).get(region).endpoints.redis;
  const stores = await Promise.all(
    // The second one is for measuring.
    [0, 1].map(() => redisStore({ url, namespace, commandTimeoutMs: COMMAND_TIMEOUT_MS })),
  );
  for (const store of stores) closing.push(() => store.close());
  return storePeer(from, stores[0]!, stores[1]);
}
