import { type History, SETTINGS_KEY, type Value } from './history.ts';
import type { Violation } from './violation.ts';

const BEFORE_MS = 6_000;
const AFTER_MS = 500;
const LINES_MAX = 60;

/** What everybody read and wrote of a violation's key around it, one line each, in the order of time. */
export function timelineOf(history: History, { key, atMs, region }: Violation): string[] {
  const lastMs = history.writes.reduce((latest, { endMs }) => Math.max(latest, endMs), 0);
  const untilMs = Number.isFinite(atMs) ? atMs + AFTER_MS : lastMs;
  const fromMs = untilMs - BEFORE_MS;
  const found: { atMs: number; text: string }[] = [];
  const say = (startMs: number, endMs: number, text: string): void => {
    if (endMs >= fromMs && startMs <= untilMs) found.push({ atMs: startMs, text });
  };
  const about = (other: string): boolean => other === key || other === SETTINGS_KEY;
  const counters = new Map(history.commits.map((each) => [`${each.key} ${each.write}`, each.counter]));
  for (const write of history.writes) {
    const counter = counters.get(`${key} ${write.write}`);
    if (counter === undefined && !about(write.key)) continue;
    const own = counters.get(`${write.key} ${write.write}`);
    const became = own ? `is counter ${own}` : counter ? `is counter ${counter} here` : 'was not committed';
    const told = write.storeTold === false ? '; its region’s store did not hear of it' : '';
    const end = `${write.outcome}${write.code ? ` (${write.code})` : ''}`;
    say(
      write.startMs,
      write.endMs,
      `${write.process} writes ${write.key} by ${write.kind} as ${write.write}, ${end} after ${ms(write)}; it ${became}${told}`,
    );
  }
  const seen = new Map<string, number>();
  for (const read of history.reads) {
    // Of the other regions, what was written tells enough.
    if (read.region !== region) continue;
    if (key === SETTINGS_KEY) {
      // Every value shows them: only what is new to its reader is told.
      const settings = read.value?.settings;
      if (settings === undefined || seen.get(read.process) === settings) continue;
      seen.set(read.process, settings);
    } else if (read.key !== key) continue;
    const level = read.level === 'bounded' ? `bounded(${rounded(read.boundMs!)})` : read.level;
    const got = read.outcome === 'ok' ? shown(read.value ?? null) : `${read.outcome} (${read.code})`;
    const from = `${read.tier ?? 'one of many'}, ${read.why ?? 'no reason'}`;
    say(
      read.startMs,
      read.endMs,
      `${read.process} reads ${read.key}, ${level}: ${got} from ${from}, after ${ms(read)}`,
    );
  }
  for (const fault of history.faults) {
    say(fault.startMs, fault.endMs, `FAULT ${fault.kind} at ${fault.target} for ${ms(fault)}`);
  }
  for (const { atMs: whenMs, era, kept } of history.restores) {
    const what = `RESTORE to era ${era}; counters of ${key} above ${kept[key] ?? 0} never happened`;
    say(whenMs, whenMs, what);
  }
  for (const line of inside(history)) {
    if (line.region === region && (line.key === key || line.key === '')) say(line.atMs, line.atMs, line.text);
  }
  const sorted = found.toSorted((a, b) => a.atMs - b.atMs);
  const skipped = sorted.length - LINES_MAX;
  const lines = sorted
    .slice(-LINES_MAX)
    .map((each) => `${((each.atMs - history.run.startMs) / 1_000).toFixed(3).padStart(9)} s  ${each.text}`);
  return skipped > 0 ? [`… ${skipped} earlier lines`, ...lines] : lines;
}

interface Inside {
  readonly region: string;
  /** Empty: of no key. */
  readonly key: string;
  readonly atMs: number;
  readonly text: string;
}

/** What happened inside, as far as the run tells it. */
function* inside({ loads, leases, leaseEnds, told, served, levels }: History): Generator<Inside> {
  for (const load of loads) {
    const under = load.lease === null ? 'without a lease' : `under the lease ${load.lease}`;
    const where = load.replica === true ? ' from a replica' : '';
    yield {
      ...load,
      atMs: load.startMs,
      text: `${load.process} loads ${load.key}${where} ${under}, for ${ms(load)}`,
    };
  }
  for (const lease of leases) {
    const forMs = (lease.untilMs - lease.atMs).toFixed(1);
    yield {
      ...lease,
      text: `${lease.process} is granted the lease ${lease.token} of ${lease.key} for ${forMs} ms`,
    };
  }
  for (const end of leaseEnds) yield { ...end, text: `the lease ${end.token} of ${end.key} ends` };
  for (const each of told) {
    yield {
      ...each,
      text: `${each.process} tells ${each.store} that ${each.key} has version ${each.version}`,
    };
  }
  for (const each of served) {
    yield { ...each, text: `${each.store} serves ${each.process} version ${each.version} of ${each.key}` };
  }
  const last = new Map<string, string | number>();
  for (const level of levels.toSorted((a, b) => a.atMs - b.atMs)) {
    // Only what is new is told.
    const name = `${level.store} ${level.what}`;
    if (last.get(name) === level.value) continue;
    last.set(name, level.value);
    yield { ...level, key: '', text: `the ${level.what} of ${level.store} is ${level.value}` };
  }
}

function ms({ startMs, endMs }: { readonly startMs: number; readonly endMs: number }): string {
  return `${(endMs - startMs).toFixed(1)} ms`;
}

/** Without the digits that nobody reads. */
export function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}

function shown(value: Value | null): string {
  return value ? `counter ${value.counter} by ${value.write}, settings ${value.settings}` : 'no value';
}
