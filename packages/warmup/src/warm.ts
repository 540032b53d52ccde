import { type EngineEvent, noTelemetry, type Store, StoreUnavailableError } from '@tidemark/core';
import pRetry from 'p-retry';
import { readMetas } from './fill-copies.ts';
import type { Gate } from './gate.ts';
import type { Origin } from './origin.ts';
import type { WarmOutcome, WarmPlan, WarmProgress, WarmReport } from './plan.ts';
import { isDone, NOTHING_DONE, type WarmCounts, type WarmState, withBatch } from './progress.ts';
import { Shadow } from './shadow-reads.ts';
import { Throttle } from './throttle.ts';
import { type BatchParts, warmBatch } from './warm-batch.ts';
import { WarmupError } from './warmup-error.ts';
import type { Work } from './work.ts';

const CONCURRENCY = 4;
const LIVE_SLOWDOWN_MAX = 2;
const PATIENCE_MS = 30_000;
const ORIGIN_RETRIES = 3;
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 2_000;

/**
 * Fills a region's store from its origins, most wanted keys first. Every value goes through the rules of any other
 * fill, so that it may race with live invalidations, with readers, and with other warm-ups.
 *
 * Rejects with a `WarmupError` when the region's own store stays away.
 */
export function warm(plan: WarmPlan): Promise<WarmReport> {
  const about = { 'tidemark.keys': plan.keysKnown };
  return (plan.telemetry ?? noTelemetry).trace('tidemark.warmup', about, undefined, async (span) => {
    const report = await run(plan);
    span.set({ 'tidemark.outcome': report.outcome, 'tidemark.filled': report.filled });
    return report;
  });
}

async function run(plan: WarmPlan): Promise<WarmReport> {
  const { store, origins, prover = null, concurrency = CONCURRENCY, signal: asked, until } = plan;
  const { telemetry = noTelemetry } = plan;
  const startedAtMs = performance.now();
  const stopping = new AbortController();
  const signal = asked ? AbortSignal.any([asked, stopping.signal]) : stopping.signal;
  const away = new Set<Origin>();
  let stopped: WarmOutcome | null = null;
  let state = plan.resume ?? NOTHING_DONE;
  const { rateMax, live = [], liveSlowdownMax = LIVE_SLOWDOWN_MAX } = plan;
  const throttle = new Throttle({
    probes: live,
    slowdownMax: liveSlowdownMax,
    ...(rateMax !== undefined && { rateMax }),
  });
  const shadow = plan.shadow ? new Shadow(store, plan.shadow) : null;

  const stop = (outcome: WarmOutcome): void => {
    stopped ??= outcome;
    stopping.abort();
  };
  const deadline =
    plan.deadlineMs === undefined ? undefined : setTimeout(() => stop('deadline'), plan.deadlineMs);

  const parts: BatchParts = {
    store,
    prover,
    origins,
    signal,
    throttle,
    async ask(origin, work) {
      if (away.has(origin)) return null;
      try {
        return await pRetry(work, {
          retries: ORIGIN_RETRIES,
          minTimeout: RETRY_FIRST_MS,
          randomize: true,
          signal,
          shouldRetry: ({ error }) => !isOwnStores(origin, error),
        });
      } catch (error) {
        if (signal.aborted || isOwnStores(origin, error)) throw error;
        if (!away.has(origin)) plan.onAway?.(origin.name, error);
        away.add(origin);
        return null;
      }
    },
  };
  const patiently = (work: Work): Promise<{ counts: WarmCounts; life: string }> =>
    pRetry(async () => ({ counts: await warmBatch(parts, work), life: await lifeOf(store) }), {
      retries: Number.POSITIVE_INFINITY,
      maxRetryTime: plan.patienceMs ?? PATIENCE_MS,
      minTimeout: RETRY_FIRST_MS,
      maxTimeout: RETRY_MAX_MS,
      randomize: true,
      signal,
    });

  const now = (): WarmProgress => progressOf(plan, state, startedAtMs, shadow, throttle.share());
  const iterator = iteratorOf(plan.work);
  const lane = async (): Promise<void> => {
    while (!signal.aborted) {
      const next = await iterator.next();
      if (next.done) return;
      if (isDone(state, next.value.index)) continue;
      let batch: { readonly counts: WarmCounts; readonly life: string };
      try {
        await throttle.turn(next.value.keys.length, signal);
        const about = { 'tidemark.keys': next.value.keys.length };
        batch = await telemetry.trace('tidemark.warmup.batch', about, undefined, () => patiently(next.value));
        assertSameLife(state, batch.life);
      } catch (error) {
        if (signal.aborted) return;
        stopping.abort();
        throw error instanceof WarmupError
          ? error
          : new WarmupError(`the region's own store stays away; go on when it is back: ${String(error)}`, {
              cause: error,
            });
      }
      state = withBatch(state, next.value.index, batch.counts, batch.life);
      plan.save?.(state);
      const progress = now();
      plan.onProgress?.(progress);
      telemetry.record(warmupEvent(progress));
      if (until && reached(until, progress)) stop('gate');
      else if (plan.bytesMax !== undefined && progress.bytes >= plan.bytesMax) stop('budget');
    }
  };
  const stopLooking = new AbortController();
  const looking = AbortSignal.any([signal, stopLooking.signal]);
  let shadowFailure: { readonly error: unknown } | null = null;
  const shadowing = shadow
    ?.follow(looking, () => {
      if (until && reached(until, now())) stop('gate');
    })
    .catch((error: unknown) => {
      shadowFailure = { error };
      stopping.abort();
    });
  try {
    await throttle.watch(looking);
    const lanes = await Promise.allSettled(Array.from({ length: concurrency }, lane));
    for (const each of lanes) if (each.status === 'rejected') throw each.reason;
    if (shadow && until?.what === 'hit-rate') await shadow.conclude(looking);
  } finally {
    clearTimeout(deadline);
    stopLooking.abort();
    await shadowing;
    await iterator.return?.();
  }
  if (shadowFailure) throw (shadowFailure as { readonly error: unknown }).error;
  const missed = (state.counts.refused.absent ?? 0) > 0 && away.size > 0;
  const outcome = stopped ?? (asked?.aborted ? 'interrupted' : missed ? 'incomplete' : 'complete');
  return { outcome, away: [...away].map(({ name }) => name), ...now() };
}

/** What loads reads the region's own store: that being away says nothing of the origin. */
function isOwnStores(origin: Origin, error: unknown): boolean {
  return origin.kind === 'loads' && error instanceof StoreUnavailableError;
}

async function lifeOf(store: Store): Promise<string> {
  return (await readMetas(store)).map((meta) => meta?.incarnation ?? '').join(' ');
}

/** What was filled into an earlier life is gone: counting it would call a cold region warm. */
function assertSameLife({ life }: WarmState, now: string): void {
  if (life === null || life === now) return;
  throw new WarmupError(
    'the region was emptied since this warm-up began, and has lost what that filled: begin anew, without --resume',
  );
}

function iteratorOf(work: WarmPlan['work']): AsyncIterator<Work> | Iterator<Work> {
  return Symbol.asyncIterator in work ? work[Symbol.asyncIterator]() : work[Symbol.iterator]();
}

function progressOf(
  plan: WarmPlan,
  { counts }: WarmState,
  startedAtMs: number,
  shadow: Shadow | null,
  speed: number,
): WarmProgress {
  const { keysKnown, readsKnown } = plan;
  return {
    ...counts,
    keysKnown,
    keysNow: counts.keys - (plan.resume?.counts.keys ?? 0),
    tookMs: performance.now() - startedAtMs,
    coverage: keysKnown === 0 ? 1 : (counts.filled + counts.there) / keysKnown,
    hitRate: shadow ? shadow.hitRate : readsKnown === 0 ? null : counts.readsCovered / readsKnown,
    speed,
  };
}

/** Whether a region that has got so far is warm enough. */
export function reached({ what, atLeast }: Gate, { coverage, hitRate }: WarmProgress): boolean {
  return (what === 'coverage' ? coverage : (hitRate ?? 0)) >= atLeast;
}

function warmupEvent(progress: WarmProgress): EngineEvent {
  const { keys, filled, bytes, coverage, hitRate, speed, refused } = progress;
  const refusals = Object.values(refused).reduce((sum, count) => sum + count, 0);
  return { type: 'warmup', keys, filled, refused: refusals, bytes, coverage, hitRate, speed };
}
