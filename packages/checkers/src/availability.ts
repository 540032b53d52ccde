import { Excuses } from './excuses.ts';
import type { History, ReadLine, WriteLine } from './history.ts';
import type { Violation } from './violation.ts';

/**
 * I10: no read and no write failed or took longer than its limit, unless its process was stopped or
 * could not reach Postgres, or it asked to fail rather than to be unproven. Caches and buses that are
 * down are no excuse. A stopped process may hold locks that other writes wait for; and a write may time out in
 * a queue of writes of its row.
 */
export function checkAvailability(history: History): Violation[] {
  const { readMs, writeMs } = history.run.limits;
  const violations: Violation[] = [];
  let excuses: Excuses | null = null;
  const judge = (line: ReadLine | WriteLine, limitMs: number): void => {
    const { key, region, process, startMs, endMs, outcome, code } = line;
    const slow = endMs - startMs > limitMs;
    if (outcome === 'ok' && !slow) return;
    if (line.type === 'read' && line.whenUnproven === 'fail' && code === 'E_STALENESS_UNPROVEN') return;
    excuses ??= new Excuses(history.faults);
    if (excuses.excuse(line)) return;
    if (line.type === 'write' && outcome !== 'hung' && isQueued(line, history.writes)) return;
    const took = `after ${Math.round(endMs - startMs)} ms`;
    const how =
      outcome === 'ok' ? `ended ${took}, its limit is ${limitMs} ms` : `${outcome} ${took} (${code})`;
    const what = `a ${line.type} of ${key} at ${process} ${how}, while it could reach Postgres`;
    violations.push({ invariant: 'I10', key, region, process, atMs: endMs, what });
  };
  for (const read of history.reads) judge(read, readMs);
  for (const write of history.writes) if (write.via === 'node') judge(write, writeMs);
  return violations;
}

/** Whether other writes of its row were under way all the time, any of which may have had the lock. */
function isQueued(line: WriteLine, writes: readonly WriteLine[]): boolean {
  const others = writes
    .filter(({ key, write, startMs, endMs }) => {
      return key === line.key && write !== line.write && startMs < line.endMs && endMs > line.startMs;
    })
    .toSorted((a, b) => a.startMs - b.startMs);
  let coveredMs = line.startMs;
  for (const { startMs, endMs } of others) {
    if (startMs > coveredMs) return false;
    coveredMs = Math.max(coveredMs, endMs);
  }
  return coveredMs >= line.endMs;
}
