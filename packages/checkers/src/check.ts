import { checkAvailability } from './availability.ts';
import { checkBounded } from './bounded.ts';
import { CommitOrder } from './commit-order.ts';
import { checkConvergence } from './convergence.ts';
import { checkRestores, splitByEra } from './eras.ts';
import { checkFreshHits } from './fresh-hits.ts';
import type { History } from './history.ts';
import { checkIntegrity } from './integrity.ts';
import { checkSessions } from './sessions.ts';
import { checkViews } from './views.ts';
import type { Violation } from './violation.ts';

/** Everything that a history shows broken, in the order of time. */
export function checkHistory(history: History): Violation[] {
  const found = splitByEra(history).flatMap((era) => {
    const order = new CommitOrder(era);
    return [
      ...checkIntegrity(era, order),
      ...checkFreshHits(era, order),
      ...checkBounded(era, order),
      ...checkSessions(era, order),
      ...checkConvergence(era, order),
    ];
  });
  return [
    ...found,
    ...checkRestores(history),
    ...checkViews(history),
    ...checkAvailability(history),
  ].toSorted((a, b) => (a.atMs === b.atMs ? 0 : a.atMs - b.atMs));
}
