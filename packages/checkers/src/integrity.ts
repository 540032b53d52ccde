import type { CommitOrder } from './commit-order.ts';
import type { History } from './history.ts';
import type { Violation } from './violation.ts';

/** Every value that was read was committed, under the counter that it shows, by a write that had begun. */
export function checkIntegrity(history: History, order: CommitOrder): Violation[] {
  const violations: Violation[] = [];
  const begun = new Map(history.intents.map(({ write, startMs }) => [write, startMs]));
  for (const { key, value, region, process, endMs } of history.reads) {
    if (!value) continue;
    const commit = order.at(key, value.counter);
    const early = (begun.get(value.write) ?? 0) > endMs;
    if (commit && !commit.absent && commit.write === value.write && !early) continue;
    const what = early
      ? `read ${value.write} before it was begun`
      : `read counter ${value.counter} by ${value.write}; committed there: ${commit?.write ?? 'nothing'}`;
    violations.push({ invariant: 'integrity', key, region, process, atMs: endMs, what });
  }
  return violations;
}
