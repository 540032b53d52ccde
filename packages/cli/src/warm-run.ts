import { ConfigurationError, startNode, type Store, type Telemetry } from '@tidemark/core';
import { redisStore } from '@tidemark/redis';
import { loadRegions } from '@tidemark/regions';
import {
  type Gate,
  type KeyList,
  NOTHING_DONE,
  type Origin,
  peerOrigin,
  readCopies,
  sourceOrigin,
  warm,
  WarmupError,
  type WarmReport,
  workOf,
} from '@tidemark/warmup';
import { connectRegion, type RegionPlace } from './connect-region.ts';
import { loadKeyspaces } from './load-keyspaces.ts';
import { keysIn, workIn } from './snapshot-work.ts';
import { listKeys, type ListRequest } from './warm-list.ts';
import type { WarmScreen } from './warm-progress.ts';
import { WarmStateFile } from './warm-state-file.ts';

/** Keys of one batch: the most that a crash has done again. */
const BATCH = 500;
/** Keys that a dry run looks at. */
const SAMPLE = 500;

export interface WarmRequest
  extends RegionPlace, Pick<ListRequest, 'keysFile' | 'sql' | 'keyspaces' | 'match' | 'top' | 'shard'> {
  /** `snapshot:FILE` (only the first), `peer:ID` or `source`, in the order in which they are asked. */
  readonly from: readonly string[];
  readonly keyspacesModule?: string;
  readonly sourceQps: number;
  readonly concurrency?: number;
  readonly until?: Gate;
  readonly deadlineMs?: number;
  readonly bytesMax?: number;
  readonly statePath: string;
  readonly resume: boolean;
  readonly signal: AbortSignal;
  readonly screen: WarmScreen;
  readonly telemetry?: Telemetry;
}

/** What a warm-up would do. */
export interface WarmEstimate {
  readonly keys: number;
  /** Keys that are known to be read. */
  readonly hot: number;
  /** Of a sample of the keys, the share that a peer can give. */
  readonly fromPeers: number;
  readonly bytes: number;
  readonly sourceLoads: number;
  /** Of the loads, at the budget; copies take about a minute for a million. */
  readonly loadSeconds: number;
}

interface Opened {
  readonly store: Store;
  readonly peers: readonly Store[];
  readonly origins: readonly Origin[];
  readonly list: () => Promise<KeyList>;
  readonly prover: NonNullable<Parameters<typeof warm>[0]['prover']>;
}

/** The file to begin with; null for none. */
function snapshotOf({ from }: WarmRequest): string | null {
  return /^snapshot:(.+)$/.exec(from[0] ?? '')?.[1] ?? null;
}

async function withOrigins<T>(request: WarmRequest, work: (opened: Opened) => Promise<T>): Promise<T> {
  const { from, dir, source: name, namespace = name } = request;
  const set = await loadRegions(dir);
  const parts = await connectRegion(request);
  const peers: Store[] = [];
  const origins: Origin[] = [];
  const closing: (() => Promise<unknown>)[] = [() => parts.close()];
  try {
    for (const [i, each] of from.entries()) {
      if (i === 0 && snapshotOf(request) !== null) continue;
      if (each === 'source') {
        if (request.keyspacesModule === undefined) {
          throw new ConfigurationError(
            '--from source needs --keyspaces, the module that exports how keys are loaded',
          );
        }
        const keyspaces = await loadKeyspaces(request.keyspacesModule);
        const node = await startNode({ keyspaces, store: parts.store, source: parts.source, hotKeysMax: 0 });
        closing.push(() => node.close());
        const budget = { loadsPerSecond: request.sourceQps };
        origins.push(sourceOrigin({ node, keyspaces, store: parts.store, budget }));
        continue;
      }
      const id = /^peer:(.+)$/.exec(each)?.[1];
      if (id === undefined)
        throw new ConfigurationError(
          `--from takes peer:REGION, source, or first of all snapshot:FILE, not ${JSON.stringify(each)}`,
        );
      if (id === request.id)
        throw new ConfigurationError(`${id} can't be warmed from itself; name another region`);
      const peer = await redisStore({ url: set.get(id).endpoints.redis, namespace, commandTimeoutMs: 5_000 });
      closing.push(() => peer.close());
      peers.push(peer);
      origins.push(peerOrigin(each, peer));
    }
    const snapshot = snapshotOf(request);
    const given = snapshot !== null && { given: keysIn(snapshot, name) };
    const list = (): Promise<KeyList> =>
      listKeys({ ...request, ...given, store: parts.store, source: parts.source, peers });
    return await work({ store: parts.store, peers, origins, list, prover: parts.source });
  } finally {
    for (const close of closing.toReversed()) await close();
  }
}

/** Looks at what there is to do, and at a sample of it. Changes nothing. */
export function estimateWarm(request: WarmRequest): Promise<WarmEstimate> {
  return withOrigins(request, async ({ peers, origins, list }) => {
    const { keys, reads } = await list();
    const step = Math.max(1, Math.floor(keys.length / SAMPLE));
    let missing = keys.filter((_, i) => i % step === 0);
    const sampled = Math.max(1, missing.length);
    let bytes = 0;
    for (const peer of peers) {
      const { blocks, without } = await readCopies(peer, missing);
      for (const { data } of blocks.flatMap(({ values }) => values)) bytes += data?.byteLength ?? 0;
      missing = [...without];
    }
    const fromPeers = 1 - missing.length / sampled;
    const loads = origins.some(({ kind }) => kind === 'loads')
      ? Math.round(keys.length * (1 - fromPeers))
      : 0;
    return {
      keys: keys.length,
      hot: reads.length,
      fromPeers,
      bytes: Math.round((bytes / sampled) * keys.length),
      sourceLoads: loads,
      loadSeconds: Math.ceil(loads / request.sourceQps),
    };
  });
}

/** Warms a region, and keeps what is needed to go on until it is done. */
export function runWarm(request: WarmRequest): Promise<WarmReport> {
  const { screen, statePath, id, source, namespace = source } = request;
  return withOrigins(request, async ({ store, origins, list: build, prover }) => {
    const snapshot = snapshotOf(request);
    // Batches of a snapshot are its own.
    const of = `${id} ${source} ${namespace}${snapshot === null ? '' : ` ${snapshot}`}`;
    const file = new WarmStateFile(statePath, of, BATCH);
    if (!request.resume && (await file.exists())) {
      throw new WarmupError(
        `an earlier warm-up was not finished: go on with --resume, or remove ${statePath}`,
      );
    }
    if (!request.resume) screen.say('listing keys', { type: 'listing' });
    const begun = request.resume
      ? await file.resume()
      : { list: await build(), state: NOTHING_DONE, batch: BATCH };
    const { list, state, batch } = begun;
    if (!request.resume) await file.begin(list, state);
    screen.say(`${list.keys.length} keys, ${state.counts.keys} of them done before`, {
      type: 'listed',
      keys: list.keys.length,
      hot: list.reads.length,
      done: state.counts.keys,
    });
    const { concurrency, until, deadlineMs, bytesMax } = request;
    const report = await warm({
      store,
      origins,
      prover,
      work:
        snapshot === null
          ? workOf(list, batch)
          : workIn(snapshot, source, list, { nowMs: Date.now(), size: batch }),
      keysKnown: list.keys.length,
      readsKnown: list.reads.reduce((a, b) => a + b, 0),
      resume: state,
      save: (now) => file.save(now),
      signal: request.signal,
      ...(request.telemetry && { telemetry: request.telemetry }),
      onProgress: (progress) => screen.update(progress),
      onAway: (name, error) =>
        screen.say(`${name} is away and is not asked again: ${String(error)}`, {
          type: 'away',
          origin: name,
          error: String(error),
        }),
      ...(concurrency !== undefined && { concurrency }),
      ...(until && { until }),
      ...(deadlineMs !== undefined && { deadlineMs }),
      ...(bytesMax !== undefined && { bytesMax }),
    });
    if (report.outcome === 'complete' || report.outcome === 'gate') file.remove();
    else screen.say(`go on with --resume --state ${statePath}`, { type: 'resumable', state: statePath });
    screen.end(report);
    return report;
  });
}
