import { checkAvailability } from './availability.ts';
import { checkBounded } from './bounded.ts';
import { CommitOrder } from './commit-order.ts';
import { checkConvergence } from './convergence.ts';
import { checkFreshHits } from './fresh-hits.ts';
import type { History } from './history.ts';
import { checkIntegrity } from './integrity.ts';
import { checkSessions } from './sessions.ts';
import { checkViews } from './views.ts';
import type { Violation } from './violation.ts';

/** Everything that a history shows broken, in the order of time. */
export function checkHistory(history: History): Violation[] {
  const order = new CommitOrder(history);
  return [
    ...checkIntegrity(history, order),
    ...checkFreshHits(history, order),
    ...checkBounded(history, order),
    ...checkSessions(history, order),
    ...checkViews(history),
    ...checkAvailability(history),
    ...checkConvergence(history, order),
  ].toSorted((a, b) => (a.atMs === b.atMs ? 0 : a.atMs - b.atMs));
}
