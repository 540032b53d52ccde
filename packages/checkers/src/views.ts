import type { History } from './history.ts';
import type { Violation } from './violation.ts';

/** I8: all members of one view of a group belong to one generation. */
export function checkViews(history: History): Violation[] {
  return history.views.flatMap(({ members, key, region, process, endMs }): Violation[] => {
    const generations = [...new Set(members)];
    if (generations.length <= 1) return [];
    const what = `${process} saw generations ${generations.map((each) => each ?? 'none').join(', ')} in one view of ${key}`;
    return [{ invariant: 'I8', key, region, process, atMs: endMs, what }];
  });
}
