import type { Era, Eras } from './eras.ts';
import { type History, type ReadLine, SETTINGS_KEY, type Value } from './history.ts';
import { rounded } from './timeline.ts';
import type { Violation } from './violation.ts';

/**
 * I6: a bounded read never returns what a write had superseded that was acknowledged more than the
 * bound before the read began. `latest` is a bound of nothing. How long the read took does not matter.
 * And what an answer says of its own age is a promise like a bound that was asked for.
 * I12: nor does it return what a restore undid more than the bound before.
 *
 * An answer is right when it is right in any era that was the present at some moment from the bound before the
 * read began until it came.
 */
export function checkBounded(history: History, eras: Eras): Violation[] {
  const violations: Violation[] = [];
  for (const read of history.reads) {
    const { value, startMs, endMs } = read;
    const boundMs = boundOf(read);
    if (read.outcome !== 'ok' || value === undefined || boundMs === Number.POSITIVE_INFINITY) continue;
    const sinceMs = startMs - boundMs;
    const present = eras.between(sinceMs, endMs);
    const found = judge(read, read.key, value, boundMs, present, eras);
    if (found) violations.push(found);
    const settings = value && judge(read, SETTINGS_KEY, value, boundMs, present, eras);
    if (settings) violations.push(settings);
  }
  return violations;
}

/** How old an answer may be at most: as old as was asked for, and no older than it says itself. */
function boundOf({ level, boundMs, claimedBoundMs }: ReadLine): number {
  const askedMs = level === 'latest' ? 0 : level === 'bounded' ? boundMs! : Number.POSITIVE_INFINITY;
  return Math.min(askedMs, claimedBoundMs ?? Number.POSITIVE_INFINITY);
}

function judge(
  { level, boundMs: askedMs, tier, region, process, startMs, endMs }: ReadLine,
  key: string,
  value: Value | null,
  boundMs: number,
  present: readonly Era[],
  eras: Eras,
): Violation | null {
  const sinceMs = startMs - boundMs;
  const how = level === 'bounded' ? `bounded(${rounded(askedMs!)} ms)` : level;
  const isClaim = level !== 'latest' && boundMs !== askedMs;
  const claim = isClaim ? `, was told that it is no older than ${rounded(boundMs)} ms,` : '';
  const asked = `${process} asked ${key} with ${how}${claim}`;
  const violated = (invariant: string, rest: string): Violation => ({
    invariant,
    key,
    region,
    process,
    atMs: endMs,
    what: `${asked} and got ${rest}`,
  });
  let below: { readonly shown: number; readonly required: number } | null = null;
  for (const { order } of present) {
    if (!order.has(key, value)) continue;
    const required = order.acknowledgedBefore(key, sinceMs);
    const shown = order.newestShown(key, value, endMs);
    if (shown >= required) return null;
    below = { shown, required };
  }
  const from = `from ${tier ?? 'a cache'}`;
  if (below) {
    const { shown, required } = below;
    return violated('I6', `counter ${shown} ${from}; ${required} had been acknowledged before the bound`);
  }
  // What no era has at all is for the check of integrity.
  if (!eras.all.some(({ order }) => order.has(key, value))) return null;
  const undone = eras.undoneBy(key, value);
  const shown = key === SETTINGS_KEY ? `settings ${value?.settings}` : `${value?.write}`;
  return violated(
    'I12',
    `${shown} ${from}, which the restore to era ${(undone ?? eras.last).era} had undone before the bound`,
  );
}
