import { HistoryGoneError, StoreUnavailableError } from '../ports/errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { ChangePage, SourceOfTruth } from '../ports/source.ts';
import type { Store } from '../ports/store.ts';
import type { Invalidation } from '../protocol/event.ts';
import { isScopeKey } from '../protocol/key.ts';
import { comparePositions, type Position } from '../protocol/position.ts';
import type { StoreMeta } from '../protocol/record.ts';
import type { StoreWriter } from './store-writer.ts';

const PAGE_MAX = 2_000;

export interface Resynced {
  readonly meta: StoreMeta;
  /** The feed has told its nodes everything below, or they start over. */
  readonly told: Position;
  /**
   * Nodes must start over: all older values became void (a new store, epoch or era), or the store
   * has applied what this feed never told them.
   */
  readonly startOver: boolean;
}

/**
 * Brings a store up to now from the changelog, from its own horizon on. The cost grows with the
 * number of changed keys. A store that was found empty starts at a new snapshot.
 *
 * @param told up to where the applier's feed is complete, null at first. When another applier moved
 * the store further, the resync begins at `told`: what only the other one's feed said may be lost.
 */
export async function resync(
  source: SourceOfTruth,
  store: Store,
  writer: StoreWriter,
  runtime: Runtime,
  told: Position | null,
  onApplied: (invalidations: readonly Invalidation[]) => void,
): Promise<Resynced> {
  const { meta } = await store.read([]);
  if (!meta) return initialise(source, store, writer, runtime, onApplied);
  writer.breakChain();
  const since = told && comparePositions(told, meta.horizon) < 0 ? told : meta.horizon;
  try {
    return await applySince(source, writer, since, told === null, onApplied);
  } catch (error) {
    if (!(error instanceof HistoryGoneError)) throw error;
    if (since === meta.horizon) return raiseEpoch(source, store, writer, onApplied);
  }
  // Only the nodes are behind what can be told, not the store.
  writer.breakChain();
  return applySince(source, writer, meta.horizon, true, onApplied);
}

async function applySince(
  source: SourceOfTruth,
  writer: StoreWriter,
  since: Position,
  startOver: boolean,
  onApplied: (invalidations: readonly Invalidation[]) => void,
): Promise<Resynced> {
  const first = await source.changes(since, { limit: PAGE_MAX });
  for (let page: ChangePage = first; ;) {
    const advance = page.next ? undefined : { from: since, to: first.horizon };
    const { outcome, meta } = await writer.write(page.changes, advance);
    onApplied(page.changes);
    if (!page.next) {
      if (outcome !== 'advanced' || !meta) throw wentBack(outcome);
      return { meta, told: first.horizon, startOver: startOver || first.horizon.era > since.era };
    }
    page = await source.changes(since, { limit: PAGE_MAX, after: page.next });
  }
}

/** Tidemarks first, then the meta that makes the store usable: nothing is visible in between. */
async function initialise(
  source: SourceOfTruth,
  store: Store,
  writer: StoreWriter,
  runtime: Runtime,
  onApplied: (invalidations: readonly Invalidation[]) => void,
): Promise<Resynced> {
  const { horizon, scopes } = await applyEdge(source, writer, onApplied);
  await store.initialise(runtime.randomId(), horizon);
  writer.breakChain();
  // Scopes lie in the meta, which was not there when the edge was applied.
  const { outcome, meta } = await writer.write(scopes, { from: horizon, to: horizon });
  if (outcome !== 'advanced' || !meta) throw wentBack(outcome);
  return { meta, told: horizon, startOver: true };
}

/** The last resort: the changelog no longer tells what changed, so everything did. */
async function raiseEpoch(
  source: SourceOfTruth,
  store: Store,
  writer: StoreWriter,
  onApplied: (invalidations: readonly Invalidation[]) => void,
): Promise<Resynced> {
  const { horizon } = await applyEdge(source, writer, onApplied);
  await store.raiseEpoch(horizon);
  writer.breakChain();
  const { outcome, meta } = await writer.write([], { from: horizon, to: horizon });
  if (outcome !== 'advanced' || !meta) throw wentBack(outcome);
  return { meta, told: horizon, startOver: true };
}

/** Applies what a new snapshot shows above its horizon; the rest is covered by `base`. */
async function applyEdge(
  source: SourceOfTruth,
  writer: StoreWriter,
  onApplied: (invalidations: readonly Invalidation[]) => void,
): Promise<{ readonly horizon: Position; readonly scopes: readonly Invalidation[] }> {
  writer.breakChain();
  const scopes: Invalidation[] = [];
  const first = await source.changes(null, { limit: PAGE_MAX });
  for (let page = first; ;) {
    await writer.write(page.changes);
    onApplied(page.changes);
    scopes.push(...page.changes.filter(({ key }) => isScopeKey(key)));
    if (!page.next) return { horizon: first.horizon, scopes };
    page = await source.changes(first.horizon, { limit: PAGE_MAX, after: page.next });
  }
}

function wentBack(outcome: string): StoreUnavailableError {
  return new StoreUnavailableError(`the store changed under a resync (${outcome}); it is tried again`);
}
