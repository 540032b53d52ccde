import type { FaultLine, History, ReadLine, WriteLine } from './history.ts';
import type { Violation } from './violation.ts';

/** After a fault ended, connections and locks need a moment to come back. */
const AFTERMATH_MS = 6_000;

/**
 * I10: no read and no write failed or took longer than its limit, unless its process was stopped or
 * could not reach Postgres, or it asked to fail rather than to be unproven. Caches and buses that are
 * down are no excuse. A stopped process may hold locks that other writes wait for.
 */
export function checkAvailability(history: History): Violation[] {
  const faults = history.faults.toSorted((a, b) => a.startMs - b.startMs);
  const { readMs, writeMs } = history.run.limits;
  const violations: Violation[] = [];
  const judge = (line: ReadLine | WriteLine, limitMs: number): void => {
    const { key, region, process, startMs, endMs, outcome, code } = line;
    const slow = endMs - startMs > limitMs;
    if (outcome === 'ok' && !slow) return;
    if (line.type === 'read' && line.whenUnproven === 'fail' && code === 'E_STALENESS_UNPROVEN') return;
    if (faults.some((fault) => excuses(fault, line))) return;
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

function excuses(fault: FaultLine, line: ReadLine | WriteLine): boolean {
  if (fault.startMs > line.endMs || fault.endMs + AFTERMATH_MS < line.startMs) return false;
  if (fault.sourceAway === 'all' || fault.sourceAway?.includes(line.region)) return true;
  if (!fault.processes) return false;
  return fault.processes.includes(line.process) || line.type === 'write';
}
