import type { FaultLine } from './history.ts';
import { countUpTo } from './ranks.ts';

/** After a fault ended, connections and locks need a moment to come back. */
const AFTERMATH_MS = 6_000;

/** Stretches of time, joined where they touch. */
class Stretches {
  readonly #startsMs: number[] = [];
  readonly #endsMs: number[] = [];

  constructor(faults: readonly FaultLine[]) {
    for (const { startMs, endMs } of faults.toSorted((a, b) => a.startMs - b.startMs)) {
      const untilMs = endMs + AFTERMATH_MS;
      const last = this.#endsMs.length - 1;
      if (last >= 0 && startMs <= this.#endsMs[last]!) {
        this.#endsMs[last] = Math.max(this.#endsMs[last]!, untilMs);
      } else {
        this.#startsMs.push(startMs);
        this.#endsMs.push(untilMs);
      }
    }
  }

  touch(startMs: number, endMs: number): boolean {
    const first = countUpTo(this.#endsMs, startMs, false);
    return first < this.#startsMs.length && this.#startsMs[first]! <= endMs;
  }
}

interface Operation {
  readonly type: 'read' | 'write';
  readonly process: string;
  readonly region: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** When which operations may fail or take long. */
export class Excuses {
  readonly #everywhere: Stretches;
  readonly #inRegions: ReadonlyMap<string, Stretches>;
  readonly #atProcesses: ReadonlyMap<string, Stretches>;
  /** Some process was stopped: it may hold locks that writes wait for. */
  readonly #forWrites: Stretches;

  constructor(faults: readonly FaultLine[]) {
    this.#everywhere = new Stretches(faults.filter(({ sourceAway }) => sourceAway === 'all'));
    this.#inRegions = byName(faults, ({ sourceAway }) =>
      sourceAway === undefined || sourceAway === 'all' ? [] : sourceAway,
    );
    this.#atProcesses = byName(faults, ({ processes }) => processes ?? []);
    this.#forWrites = new Stretches(faults.filter(({ processes }) => processes !== undefined));
  }

  excuse({ type, process, region, startMs, endMs }: Operation): boolean {
    return (
      this.#everywhere.touch(startMs, endMs) ||
      this.#inRegions.get(region)?.touch(startMs, endMs) === true ||
      this.#atProcesses.get(process)?.touch(startMs, endMs) === true ||
      (type === 'write' && this.#forWrites.touch(startMs, endMs))
    );
  }
}

function byName(
  faults: readonly FaultLine[],
  namesOf: (fault: FaultLine) => readonly string[],
): ReadonlyMap<string, Stretches> {
  const found = new Map<string, FaultLine[]>();
  for (const fault of faults) {
    for (const name of namesOf(fault)) {
      const list = found.get(name);
      if (list) list.push(fault);
      else found.set(name, [fault]);
    }
  }
  return new Map([...found].map(([name, list]) => [name, new Stretches(list)]));
}
