import { comparePositions, maxPosition, type Position } from './position.ts';
import type { Invalidation } from './event.ts';
import { isScopeKey } from './key.ts';
import type { StoreMeta } from './record.ts';

/** Samples kept of past horizons; they decide how finely `base` follows. */
export const HISTORY_LENGTH_MAX = 64;
/** Keyspaces whose scope a store remembers one by one; one more raises the epoch instead. */
export const SCOPES_MAX = 64;

/** A store's own state, besides its records. */
export interface StoreState {
  readonly meta: StoreMeta;
  /** Mark of the last batch of a whole chain; proves to an applier that nothing it applied rolled back. */
  readonly mark: string | null;
  /** Horizons of the recent past on the store's own clock, oldest first. */
  readonly history: readonly { readonly atMs: number; readonly horizon: Position }[];
}

/** The state of a store that was found empty: nothing before `horizon` can be trusted. */
export function initState(incarnation: string, horizon: Position, nowMs: number): StoreState {
  return {
    meta: {
      incarnation,
      epoch: 0,
      lineage: incarnation,
      revision: 0,
      horizon,
      base: horizon,
      scopes: new Map(),
    },
    mark: null,
    history: [{ atMs: nowMs, horizon }],
  };
}

/**
 * Scope keys among the invalidations raise their keyspace; all its older values become void. One of an older
 * era says nothing any more: its numbers go on from elsewhere. One of an era that the store has not entered
 * can't be kept beyond the entry, which forgets scopes: it raises the epoch instead, so that nothing that was
 * loaded before it is ever taken.
 */
export function raiseScopes(state: StoreState, invalidations: readonly Invalidation[]): StoreState {
  let { meta } = state;
  for (const { key, version } of invalidations) {
    if (!isScopeKey(key) || version.era < meta.horizon.era) continue;
    if (version.era > meta.horizon.era) {
      meta = { ...meta, epoch: meta.epoch + 1 };
      continue;
    }
    if (version.n <= (meta.scopes.get(key) ?? 0)) continue;
    if (!meta.scopes.has(key) && meta.scopes.size >= SCOPES_MAX) {
      meta = { ...meta, epoch: meta.epoch + 1 };
      continue;
    }
    meta = { ...meta, scopes: new Map(meta.scopes).set(key, version.n) };
  }
  return meta === state.meta ? state : { ...state, meta };
}

/** A batch's place in its applier's chain. */
export interface ChainLink {
  /** Mark of the batch before; null starts a chain. */
  readonly expect: string | null;
  readonly mark: string;
  /** Name of the chain; left out for a chain of one batch, whose mark it then is. */
  readonly lineage?: string;
}

/**
 * Chains a batch. Its mark is kept only if the batch before is there: else the store lost batches, and no
 * later one of the chain may find what it expects.
 *
 * @returns the lineage that the batch may move the horizon in; null when the chain is broken
 */
export function chainBatch(
  state: StoreState,
  { expect, mark, lineage }: ChainLink,
): { readonly state: StoreState; readonly lineage: string | null } {
  if (expect !== null && expect !== state.mark) return { state, lineage: null };
  return { state: { ...state, mark }, lineage: lineage ?? mark };
}

/** What an applier asks of a store once it applied all that a barrier speaks of. */
export interface Advance {
  readonly from: Position;
  readonly to: Position;
}

export type AdvanceOutcome =
  | 'advanced'
  | 'behind' // the barrier ends before the store's horizon: it may be of a source that went back
  | 'gap' // the barrier starts after the store's horizon: something was missed
  | 'mark'; // the store lost batches that this applier had applied

/**
 * Moves the horizon if the barrier chains, and `base` to the horizon of `forgetAfterMs` ago.
 *
 * `base` follows because tombstones expire: `forgetAfterMs` must be shorter than their life. Lineage and
 * revision change in one step, and only here: until a new chain has moved the horizon, the store still shows
 * the state that it began with, with more applied.
 *
 * @param lineage of the chain that the barrier belongs to; null when that chain is broken
 */
export function advanceState(
  state: StoreState,
  advance: Advance,
  lineage: string | null,
  nowMs: number,
  forgetAfterMs: number,
): { readonly state: StoreState; readonly outcome: AdvanceOutcome } {
  if (lineage === null) return { state, outcome: 'mark' };
  const { meta } = state;
  // It proves nothing: a source of another life may have sent it, a restored one or one that was replaced.
  if (comparePositions(advance.to, meta.horizon) < 0) return { state, outcome: 'behind' };
  if (comparePositions(advance.from, meta.horizon) > 0) return { state, outcome: 'gap' };
  const horizon = maxPosition(meta.horizon, advance.to);
  const newEra = horizon.era > meta.horizon.era;
  let history = state.history.slice();
  let { base } = meta;
  // After its clock stepped back the samples' ages mean nothing. Folding early is safe: it costs loads.
  const steppedBack = history.length > 0 && history.at(-1)!.atMs > nowMs;
  while (
    history.length > 0 &&
    (steppedBack || history.length >= HISTORY_LENGTH_MAX || history[0]!.atMs <= nowMs - forgetAfterMs)
  ) {
    base = maxPosition(base, history.shift()!.horizon);
  }
  // Lost, or so old that the clock may have leapt: nobody can tell what was forgotten since.
  if (history.length === 0) base = maxPosition(base, horizon);
  if (newEra) {
    base = horizon;
    history = [];
  }
  const last = history.at(-1);
  if (!last || nowMs - last.atMs >= forgetAfterMs / (HISTORY_LENGTH_MAX - 2)) {
    history.push({ atMs: nowMs, horizon });
  }
  return {
    state: {
      ...state,
      meta: {
        ...meta,
        horizon,
        base,
        lineage,
        revision: meta.revision + 1,
        scopes: newEra ? new Map() : meta.scopes,
      },
      history,
    },
    outcome: 'advanced',
  };
}

/**
 * Whether tidemarks may have expired that `base` does not stand for: it follows with barriers, and there was none
 * for too long; or the store's clock has leapt. `forgetAfterMs` is that of `advanceState`.
 */
export function mayHaveForgotten({ history }: StoreState, nowMs: number, forgetAfterMs: number): boolean {
  const last = history.at(-1);
  return !last || nowMs - last.atMs > forgetAfterMs;
}

/**
 * Every value becomes void, and tidemarks before `base` count as forgotten. Into a new era the scopes of
 * the old one don't go along, as when a barrier moves there: its numbers are small again, and below them
 * nothing of a keyspace could be kept any more.
 */
export function raiseStateEpoch(state: StoreState, base: Position): StoreState {
  const { meta } = state;
  return {
    ...state,
    meta: {
      ...meta,
      epoch: meta.epoch + 1,
      // What saw this epoch must not be taken for what a store saw that went back behind it.
      revision: meta.revision + 1,
      horizon: maxPosition(meta.horizon, base),
      base: maxPosition(meta.base, base),
      scopes: base.era > meta.horizon.era ? new Map() : meta.scopes,
    },
  };
}
