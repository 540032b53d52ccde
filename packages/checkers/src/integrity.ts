import type { Commit } from './commit-order.ts';
import type { Eras } from './eras.ts';
import { type History, SETTINGS_KEY, type Value } from './history.ts';
import { levelOf } from './version.ts';
import type { Violation } from './violation.ts';

/**
 * Every value that was read was committed, under the counter that it shows, by a write that had begun, and so
 * were the settings that it shows. A version may be too old, never of an era that does not know the value. The log itself has no hole, and no counter twice within an era.
 */
export function checkIntegrity(history: History, eras: Eras): Violation[] {
  const violations: Violation[] = [];
  for (const { key, value, version, region, process, endMs } of history.reads) {
    if (!value) continue;
    const violated = (what: string): void => {
      violations.push({ invariant: 'integrity', key, region, process, atMs: endMs, what });
    };
    if (!eras.all.some(({ order }) => isCommitted(order.at(key, value.counter), value))) {
      const there = eras.all.flatMap(({ order }) => order.at(key, value.counter)?.write ?? []);
      const committed = [...new Set(there)].join(', ') || 'nothing';
      violated(`read counter ${value.counter} by ${value.write}; committed there: ${committed}`);
    } else if ((eras.begunMs(value.write) ?? 0) > endMs) {
      violated(`read ${value.write} before it was begun`);
    }
    const newest =
      version && eras.all.length > 1 ? eras.all.findLast(({ order }) => order.has(key, value)) : undefined;
    if (newest && newest.place < eras.numbered(eraOf(version!)).place) {
      violated(
        `read ${value.write} as version ${version}; the restore that ended era ${newest.era} had undone it`,
      );
    }
    if (!eras.all.some(({ order }) => order.has(SETTINGS_KEY, value))) {
      violated(`read settings ${value.settings}, which were never committed`);
    }
  }
  for (const { order, era } of eras.all) {
    for (const key of order.keys()) {
      const at = order.of(key).findIndex(({ counter }, i) => counter !== i + 1);
      if (at < 0) continue;
      const { counter, write } = order.of(key)[at]!;
      const what = `commit ${at + 1} of ${key} in era ${era}, by ${write}, is logged as counter ${counter}`;
      violations.push({ invariant: 'integrity', key, region: '', process: 'the source', atMs: 0, what });
    }
  }
  return violations;
}

function isCommitted(commit: Commit | undefined, { write }: Value): boolean {
  return commit !== undefined && !commit.absent && commit.write === write;
}

function eraOf(version: string): number {
  return levelOf(version)[0];
}
