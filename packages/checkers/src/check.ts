import { checkAvailability } from './availability.ts';
import { checkBounded } from './bounded.ts';
import { checkConvergence } from './convergence.ts';
import { Eras } from './eras.ts';
import { checkFreshHits } from './fresh-hits.ts';
import type { History } from './history.ts';
import { checkIntegrity } from './integrity.ts';
import { checkLeases } from './leases.ts';
import { checkLevels, checkSizes } from './levels.ts';
import { checkSessions } from './sessions.ts';
import { checkStoreAnswers } from './store-answers.ts';
import { checkViews } from './views.ts';
import type { Violation } from './violation.ts';

/** Everything that a history shows broken, in the order of time. */
export function checkHistory(history: History): Violation[] {
  const eras = new Eras(history);
  return [
    ...checkIntegrity(history, eras),
    ...checkFreshHits(history, eras),
    ...checkStoreAnswers(history),
    ...checkLevels(history),
    ...checkBounded(history, eras),
    ...checkSessions(history, eras),
    ...checkViews(history),
    ...checkLeases(history),
    ...checkAvailability(history),
    ...checkSizes(history),
    ...checkConvergence(history, eras),
  ].sort((a, b) => (a.atMs === b.atMs ? 0 : a.atMs - b.atMs));
}
