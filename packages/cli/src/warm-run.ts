import type { Store, Telemetry } from '@tidemark/core';
import {
  estimateWarm,
  type Gate,
  type KeyList,
  NOTHING_DONE,
  type Prover,
  snapshotKeys,
  snapshotWork,
  storePeer,
  timed,
  warm,
  type WarmEstimate,
  WarmStateFile,
  WarmupError,
  type WarmReport,
  workOf,
} from '@tidemark/warmup';
import { connectRegion, type RegionPlace } from './connect-region.ts';
import { listKeys, type ListRequest, pagesOf } from './warm-list.ts';
import { COMMAND_TIMEOUT_MS, openOrigins, type WarmOrigins } from './warm-origins.ts';
import type { WarmScreen } from './warm-progress.ts';

/** Keys of one batch: the most that a crash has done again. */
const BATCH = 500;

export interface WarmRequest
  extends RegionPlace, Pick<ListRequest, 'keysFile' | 'sql' | 'keyspaces' | 'match' | 'top' | 'shard'> {
  /** `snapshot:FILE` (only the first), `peer:ID`, the address of an export, or `source`, in the order in which they are asked. */
  readonly from: readonly string[];
  readonly keyspacesModule?: string;
  readonly sourceQps: number;
  /** Keys a second. */
  readonly rateMax?: number;
  /** Slows down while live traffic waits so many times as long as usual; 0: never. */
  readonly liveSlowdownMax: number;
  /** File with keys as live traffic reads them. */
  readonly shadowFile?: string;
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

interface Opened extends WarmOrigins {
  readonly store: Store;
  readonly list: () => Promise<KeyList>;
  readonly prover: Prover;
}

async function withOrigins<T>(request: WarmRequest, work: (opened: Opened) => Promise<T>): Promise<T> {
  const { source: name } = request;
  // What a hurried reader gives up is work done in vain here.
  const parts = await connectRegion(request, { commandTimeoutMs: COMMAND_TIMEOUT_MS });
  const probing = await connectRegion(request, { commandTimeoutMs: COMMAND_TIMEOUT_MS });
  const closing: (() => Promise<unknown>)[] = [() => parts.close(), () => probing.close()];
  try {
    const opened = await openOrigins(request, parts, closing);
    const own = storePeer(request.id, parts.store, probing.store);
    const given = opened.snapshot !== null && { given: snapshotKeys(opened.snapshot, name) };
    const list = (): Promise<KeyList> =>
      listKeys({ ...request, ...given, own, source: parts.source, peers: opened.peers });
    const probes = [
      { name: 'redis', measureMs: () => own.readMs() },
      { name: 'source', measureMs: () => timed(() => probing.source.labels([])) },
      ...opened.probes,
    ];
    return await work({ ...opened, probes, store: parts.store, list, prover: parts.source });
  } finally {
    for (const close of closing.toReversed()) await close();
  }
}

/** Looks at what there is to do, and at a sample of it. Changes nothing. */
export function planWarm(request: WarmRequest): Promise<WarmEstimate> {
  return withOrigins(request, async ({ origins, list }) =>
    estimateWarm(await list(), origins, request.sourceQps),
  );
}

/** Warms a region, and keeps what is needed to go on until it is done. */
export function runWarm(request: WarmRequest): Promise<WarmReport> {
  const { screen, statePath, id, source, namespace = source } = request;
  return withOrigins(request, async ({ store, origins, snapshot, probes, list: build, prover }) => {
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
    const { concurrency, until, deadlineMs, bytesMax, rateMax, liveSlowdownMax, shadowFile } = request;
    const done = new AbortController();
    const report = await warm({
      store,
      origins,
      prover,
      work:
        snapshot === null
          ? workOf(list, batch)
          : snapshotWork(snapshot, source, list, { nowMs: Date.now(), size: batch }),
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
      ...(rateMax !== undefined && { rateMax }),
      ...(liveSlowdownMax !== 0 && { live: probes, liveSlowdownMax }),
      ...(shadowFile !== undefined && { shadow: { keys: pagesOf(shadowFile, done.signal) } }),
    }).finally(() => done.abort());
    if (report.outcome === 'complete' || report.outcome === 'gate') file.remove();
    else screen.say(`go on with --resume --state ${statePath}`, { type: 'resumable', state: statePath });
    screen.end(report);
    return report;
  });
}
