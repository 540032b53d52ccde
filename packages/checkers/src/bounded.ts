import type { CommitOrder } from './commit-order.ts';
import { type History, SETTINGS_KEY } from './history.ts';
import type { Violation } from './violation.ts';

/**
 * I6: a bounded read never returns what a write had superseded that was acknowledged more than the
 * bound before the read began. `latest` is a bound of nothing. How long the read took does not matter.
 */
export function checkBounded(history: History, order: CommitOrder): Violation[] {
  const violations: Violation[] = [];
  for (const read of history.reads) {
    const { level, value, region, process, startMs, endMs } = read;
    if (read.outcome !== 'ok' || value === undefined) continue;
    if (level !== 'bounded' && level !== 'latest') continue;
    const boundMs = level === 'latest' ? 0 : read.boundMs!;
    for (const key of value === null ? [read.key] : [read.key, SETTINGS_KEY]) {
      const required = order.acknowledgedBefore(key, startMs - boundMs);
      const shown = order.newestShown(key, value, endMs);
      if (shown >= required) continue;
      const asked = level === 'latest' ? 'latest' : `bounded(${boundMs} ms)`;
      const what = `${process} asked ${key} with ${asked} and got counter ${shown} from ${read.tier ?? 'a cache'}; ${required} had been acknowledged before the bound`;
      violations.push({ invariant: 'I6', key, region, process, atMs: endMs, what });
    }
  }
  return violations;
}
