import { HistoryGoneError, StoreUnavailableError } from '../ports/errors.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { SourceOfTruth } from '../ports/source.ts';
import type { Invalidation } from '../protocol/event.ts';
import { isScopeKey } from '../protocol/key.ts';
import { type DeadLetter, siftChanges } from '../protocol/dead-letter.ts';
import { comparePositions, type Position } from '../protocol/position.ts';
import type { PartitionWriter } from './partition-writer.ts';

const PAGE_MAX = 2_000;

/** What a resync works with. */
export interface ResyncParts {
  readonly source: SourceOfTruth;
  readonly runtime: Runtime;
  /** Told of everything that was applied, for the nodes. */
  readonly onApplied: (invalidations: readonly Invalidation[]) => void;
  /** Told of changes that can't be applied: while there are any, no gap is closed. */
  readonly onDeadLetters: (letters: readonly DeadLetter[]) => void;
}

export interface Resynced {
  /** The feed has told its nodes everything below, or they start over. */
  readonly told: Position;
  /**
   * Nodes must start over: all older values of some partition became void (a new life, epoch or era), or a
   * store has applied what this feed never told them.
   */
  readonly startOver: boolean;
}

/**
 * Brings partitions up to now from the changelog, all from the horizon of the one that is furthest behind.
 * The cost grows with the number of changed keys. One that was found empty starts at a new snapshot.
 *
 * One that fails keeps its gap; the others go on. A change that can't be applied stops nothing else from
 * being applied, but no horizon passes it.
 * Rejects when the source is away.
 *
 * @param told up to where the applier's feed is complete, null at first. When another applier moved
 * the store further, the resync begins at `told`: what only the other one's feed said may be lost.
 * @returns null when no partition could be reached
 */
export async function resync(
  partitions: readonly PartitionWriter[],
  told: Position | null,
  parts: ResyncParts,
): Promise<Resynced | null> {
  const empty: PartitionWriter[] = [];
  const behind: PartitionWriter[] = [];
  const horizons: Position[] = [];
  await Promise.all(
    partitions.map(async (partition) => {
      const meta = await partition.attempt(async (store) => (await store.read([])).meta);
      if (meta === undefined) return;
      partition.breakChain();
      if (!meta) return void empty.push(partition);
      behind.push(partition);
      horizons.push(meta.horizon);
    }),
  );
  const fresh = empty.length > 0 ? await initialise(empty, parts) : null;
  if (behind.length === 0) return fresh && { told: fresh, startOver: true };
  const least = horizons.reduce((a, b) => (comparePositions(b, a) < 0 ? b : a));
  const caughtUp = await catchUp(behind, least, told, parts);
  return { told: caughtUp.told, startOver: caughtUp.startOver || fresh !== null };
}

async function catchUp(
  partitions: readonly PartitionWriter[],
  horizon: Position,
  told: Position | null,
  parts: ResyncParts,
): Promise<Resynced> {
  // When what the feed told is gone but the store's horizon is not, only the nodes start over.
  const starts = told && comparePositions(told, horizon) < 0 ? [told, horizon] : [horizon];
  for (const since of starts) {
    try {
      return await applySince(partitions, since, told === null || since !== starts[0], parts);
    } catch (error) {
      if (!(error instanceof HistoryGoneError)) throw error;
      for (const partition of partitions) partition.breakChain();
    }
  }
  return raiseEpoch(partitions, parts);
}

async function applySince(
  partitions: readonly PartitionWriter[],
  since: Position,
  startOver: boolean,
  parts: ResyncParts,
): Promise<Resynced> {
  const { horizon: to, whole } = await applyChanges(since, partitions, parts);
  if (whole) await finish(partitions, since, to);
  return { told: to, startOver: startOver || to.era > since.era };
}

/** Tidemarks first, then the meta that makes a store usable: nothing is visible in between. */
async function initialise(partitions: readonly PartitionWriter[], parts: ResyncParts): Promise<Position> {
  const { horizon, whole, scopes } = await applyEdge(partitions, parts);
  await Promise.all(
    partitions.map(async (partition) => {
      await partition.attempt(() => partition.initialise(parts.runtime.randomId(), horizon));
      // Scopes lie in the meta, which was not there when the edge was applied.
      await partition.attempt(async () => {
        await partition.write(scopes);
      });
    }),
  );
  if (whole) await finish(partitions, horizon, horizon);
  return horizon;
}

/** The last resort: the changelog no longer tells what changed, so everything did. */
async function raiseEpoch(partitions: readonly PartitionWriter[], parts: ResyncParts): Promise<Resynced> {
  const { horizon, whole } = await applyEdge(partitions, parts);
  await Promise.all(
    partitions.map(async (partition) => {
      await partition.attempt((store) => store.raiseEpoch(horizon));
      partition.breakChain();
    }),
  );
  if (whole) await finish(partitions, horizon, horizon);
  return { told: horizon, startOver: true };
}

/** Applies what a new snapshot shows above its horizon; the rest is covered by `base`. */
async function applyEdge(
  partitions: readonly PartitionWriter[],
  parts: ResyncParts,
): Promise<Applied & { readonly scopes: readonly Invalidation[] }> {
  for (const partition of partitions) partition.breakChain();
  const scopes: Invalidation[] = [];
  const applied = await applyChanges(null, partitions, {
    ...parts,
    onApplied(invalidations) {
      scopes.push(...invalidations.filter(({ key }) => isScopeKey(key)));
      parts.onApplied(invalidations);
    },
  });
  return { ...applied, scopes };
}

interface Applied {
  /** Horizon of the first page. */
  readonly horizon: Position;
  /** False when some changes could not be applied. */
  readonly whole: boolean;
}

/** Applies what can be applied of all pages. */
async function applyChanges(
  since: Position | null,
  partitions: readonly PartitionWriter[],
  { source, onApplied, onDeadLetters }: ResyncParts,
): Promise<Applied> {
  const first = await source.changes(since, { limit: PAGE_MAX });
  let whole = true;
  for (let page = first; ;) {
    const { applicable, letters } = siftChanges(page.changes);
    if (letters.length > 0) {
      whole = false;
      onDeadLetters(letters);
    }
    await Promise.all(
      partitions.map((partition) =>
        partition.attempt(async () => {
          await partition.write(applicable);
        }),
      ),
    );
    onApplied(applicable);
    if (!page.next) return { horizon: first.horizon, whole };
    page = await source.changes(since ?? first.horizon, { limit: PAGE_MAX, after: page.next });
  }
}

/** Moves the horizons of those that took everything, and closes their gaps. */
async function finish(partitions: readonly PartitionWriter[], from: Position, to: Position): Promise<void> {
  await Promise.all(
    partitions.map((partition) =>
      partition.attempt(async () => {
        const { outcome, meta } = await partition.write([], { from, to });
        if (outcome !== 'advanced' || !meta) {
          throw new StoreUnavailableError(`the store changed under a resync (${outcome}); it is tried again`);
        }
        partition.close(meta);
      }),
    ),
  );
}
