import { HistoryGoneError } from '../ports/errors.ts';
import type { SourceOfTruth } from '../ports/source.ts';
import type { Store } from '../ports/store.ts';
import { type DeadLetter, siftChanges } from '../protocol/dead-letter.ts';
import { comparePositions, type Position } from '../protocol/position.ts';

const PAGE_MAX = 2_000;
/** Letters that a list shows at most; the next ones come when these are gone. */
const LETTERS_MAX = 1_000;

/** Where a region's dead letters are: behind its store's horizon, in the changelog. */
export interface DeadLetterOffice {
  readonly source: SourceOfTruth;
  readonly store: Store;
}

/**
 * Changes that the region can't apply, oldest first, at most 1,000. Empty for a store that has no
 * position yet.
 *
 * To resolve one, mend its row in the changelog: the region's applier applies it with its next resync,
 * within seconds. Or see `discardDeadLetters`.
 */
export async function listDeadLetters({ source, store }: DeadLetterOffice): Promise<readonly DeadLetter[]> {
  const horizon = await leastHorizon(store);
  if (!horizon) return [];
  try {
    return await lettersSince(source, horizon);
  } catch (error) {
    if (error instanceof HistoryGoneError) return []; // The region starts over without them.
    throw error;
  }
}

/**
 * Gives up what the region's dead letters were about, by making every value void that might depend on
 * them: all of the region's are loaded anew when they are read.
 *
 * @returns letters that are still open: those at the changelog's edge, while older transactions run
 */
export async function discardDeadLetters(office: DeadLetterOffice): Promise<readonly DeadLetter[]> {
  const { source, store } = office;
  if ((await listDeadLetters(office)).length === 0) return [];
  const { horizon } = await source.changes(null, { limit: 1 });
  await Promise.all((store.partitions ?? [store]).map((partition) => partition.raiseEpoch(horizon)));
  return listDeadLetters(office);
}

async function lettersSince(source: SourceOfTruth, since: Position): Promise<DeadLetter[]> {
  const found: DeadLetter[] = [];
  for (let page = await source.changes(since, { limit: PAGE_MAX }); ;) {
    found.push(...siftChanges(page.changes).letters);
    if (!page.next || found.length >= LETTERS_MAX) return found.slice(0, LETTERS_MAX);
    page = await source.changes(since, { limit: PAGE_MAX, after: page.next });
  }
}

async function leastHorizon(store: Store): Promise<Position | null> {
  const stores = store.partitions ?? [store];
  const answers = await Promise.all(stores.map((partition) => partition.read([])));
  const horizons = answers.flatMap(({ meta }) => (meta ? [meta.horizon] : []));
  if (horizons.length === 0) return null;
  return horizons.reduce((a, b) => (comparePositions(b, a) < 0 ? b : a));
}
