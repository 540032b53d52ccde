import type { CommitOrder } from './commit-order.ts';
import type { Eras } from './eras.ts';
import { type FinalLine, type History, SETTINGS_KEY } from './history.ts';
import type { Violation } from './violation.ts';

/**
 * I5: after everything was healed and quiet, no tier of any region would serve anything but the last
 * commit of the last era: nothing of what a restore undid is left. I4: and every region was asked for every key
 * that was ever committed and not undone.
 */
export function checkConvergence(history: History, eras: Eras): Violation[] {
  const { order } = eras.last;
  const violations: Violation[] = [];
  const asked = new Map<string, Set<string>>();
  for (const final of history.finals) {
    const { key, region, process, tier } = final;
    if (tier === 'read') {
      const keys = asked.get(region) ?? new Set();
      asked.set(region, keys.add(key));
    }
    const wrong = differs(final, order);
    if (wrong === null) continue;
    const where = tier === 'read' ? `an eventual read at ${process}` : `${tier.toUpperCase()} at ${process}`;
    const what = `when all was quiet, ${where} showed ${wrong}`;
    const atMs = Number.POSITIVE_INFINITY;
    violations.push({ invariant: tier === 'read' ? 'I4' : 'I5', key, region, process, atMs, what });
  }
  for (const [region, keys] of asked) {
    for (const key of order.keys()) {
      if (key === SETTINGS_KEY || keys.has(key)) continue;
      const what = `nobody asked ${region} for ${key} when all was quiet`;
      violations.push({ invariant: 'I4', key, region, process: region, atMs: 0, what });
    }
  }
  return violations;
}

/** What a tier showed instead of the last commit, in words; null when they are equal. */
function differs({ key, value }: FinalLine, order: CommitOrder): string | null {
  const last = order.last(key);
  const settings = order.last(SETTINGS_KEY)?.counter ?? 0;
  if (value === null) {
    return !last || last.absent ? null : `no value; the last commit is counter ${last.counter}`;
  }
  if (!last || last.absent) return `counter ${value.counter}; the last commit deleted it`;
  if (value.counter !== last.counter || value.write !== last.write)
    return `counter ${value.counter}; the last commit is ${last.counter}`;
  return value.settings === settings
    ? null
    : `settings ${value.settings}; the last commit of those is ${settings}`;
}
