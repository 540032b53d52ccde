import type { Store } from '../ports/store.ts';
import type { Dependency, Label } from '../protocol/dependency.ts';
import type { Position } from '../protocol/position.ts';
import type { FillVerdict } from '../protocol/record.ts';

/** A watched tidemark outlives the value that needs it: the fill comes a little later. */
const WATCH_SLACK_MS = 60_000;

/**
 * Has the store watch what a value was made from, for as long as the value may live; or says why the value may no
 * longer be filled.
 */
export async function watchAll(
  store: Store,
  labels: readonly Label[],
  asOf: Position,
  lifeMs: number,
): Promise<readonly Dependency[] | FillVerdict> {
  const answers = await Promise.all(
    labels.map((label) => store.watch({ ...label, asOf, lifeMs: lifeMs + WATCH_SLACK_MS })),
  );
  const refused = answers.find(({ verdict }) => verdict !== 'admitted');
  if (refused) return refused.verdict;
  return answers.map(({ meta }, i) => ({
    ...labels[i]!,
    incarnation: meta!.incarnation,
    epoch: meta!.epoch,
  }));
}
