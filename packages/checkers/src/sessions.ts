import type { CommitOrder } from './commit-order.ts';
import { type History, type ReadLine, SETTINGS_KEY, type WriteLine } from './history.ts';
import type { Violation } from './violation.ts';

/** I7: a session reads its own writes and never goes back, on whatever process its reads land. */
export function checkSessions(history: History, order: CommitOrder): Violation[] {
  const sessions = new Map<string, (ReadLine | WriteLine)[]>();
  for (const line of [...history.reads, ...history.writes]) {
    if (line.session === undefined || line.outcome !== 'ok') continue;
    const list = sessions.get(line.session);
    if (list) list.push(line);
    else sessions.set(line.session, [line]);
  }
  return [...sessions].flatMap(([session, lines]) => checkSession(session, lines, order));
}

function checkSession(
  session: string,
  lines: readonly (ReadLine | WriteLine)[],
  order: CommitOrder,
): Violation[] {
  const violations: Violation[] = [];
  const floors = new Map<string, number>();
  // A session does one thing after the other.
  for (const line of lines.toSorted((a, b) => a.startMs - b.startMs)) {
    if (line.type === 'write') {
      const counter = order.counterOf(line.key, line.write) ?? 0;
      floors.set(line.key, Math.max(counter, floors.get(line.key) ?? 0));
      continue;
    }
    const { value, region, process, endMs } = line;
    if (value === undefined) continue;
    for (const key of value === null ? [line.key] : [line.key, SETTINGS_KEY]) {
      // A value made with newer settings says nothing about the values of other keys.
      const place = key === SETTINGS_KEY ? `${line.key} ${key}` : key;
      const floor = floors.get(place) ?? 0;
      const shown = order.newestShown(key, value, endMs);
      if (shown < floor) {
        const what = `session ${session} read counter ${shown} of ${key} at ${process}, after it knew ${floor}`;
        violations.push({ invariant: 'I7', key, region, process, atMs: endMs, what });
      }
      floors.set(place, Math.max(floor, order.oldestShown(key, value, floor)));
    }
  }
  return violations;
}
