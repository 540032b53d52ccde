import type { CommitOrder } from './commit-order.ts';
import { type FaultLine, type History, type ReadLine, SETTINGS_KEY } from './history.ts';
import type { Violation } from './violation.ts';

/** Something that proves that a place knew a state of a key. */
interface Floor {
  readonly atMs: number;
  readonly beganMs: number;
  readonly counter: number;
  readonly because: string;
}

/**
 * I1 and I2, as far as they can be seen from outside:
 *
 * - what was once served from a region's store is never served older from that store, to any process;
 * - what a process wrote, and was told so, it never reads older, from any tier; and if its region's
 *   store was told as well, no process reads it older from that store.
 *
 * A store that a fault rolled back starts over: eventual reads may then show its past until it is
 * resynced. A read may follow only what ended before it began. What L1 served may come back older in
 * one case that nobody promised away (a load that only L1 kept), so L1 hits prove nothing here.
 */
export function checkFreshHits(history: History, order: CommitOrder): Violation[] {
  const rollbacks = rollbacksByRegion(history.faults);
  const floors = new Map<string, Floor[]>();
  const reads = new Map<string, { read: ReadLine; key: string }[]>();
  const add = <T>(map: Map<string, T[]>, place: string, item: T): void => {
    const list = map.get(place);
    if (list) list.push(item);
    else map.set(place, [item]);
  };
  for (const read of history.reads) {
    if (read.outcome !== 'ok' || read.value === undefined) continue;
    for (const key of read.value === null ? [read.key] : [read.key, SETTINGS_KEY]) {
      add(reads, `process ${read.process} ${key}`, { read, key });
      if (read.tier !== 'l2') continue;
      add(reads, `store ${read.region} ${key}`, { read, key });
      // A value made with newer settings says nothing about the values of other keys.
      const place = `served by ${read.region} ${read.key} ${key}`;
      add(reads, place, { read, key });
      add(floors, place, {
        atMs: read.endMs,
        beganMs: read.startMs,
        counter: order.oldestShown(key, read.value, 0),
        because: `the store of ${read.region} had served`,
      });
    }
  }
  for (const { write, key, outcome, via, process, region, startMs, endMs, storeTold } of history.writes) {
    const counter = outcome === 'ok' && via === 'node' ? order.counterOf(key, write) : undefined;
    if (counter === undefined) continue;
    const because = `${process} had written`;
    const floor = { atMs: endMs, beganMs: startMs, counter, because };
    add(floors, `process ${process} ${key}`, floor);
    if (storeTold) add(floors, `store ${region} ${key}`, floor);
  }
  const violations: Violation[] = [];
  for (const [place, list] of reads) {
    const known = floors.get(place);
    if (known) violations.push(...sweep(known, list, order, rollbacks));
  }
  return violations;
}

function sweep(
  floors: readonly Floor[],
  reads: readonly { readonly read: ReadLine; readonly key: string }[],
  order: CommitOrder,
  rollbacks: ReadonlyMap<string, readonly FaultLine[]>,
): Violation[] {
  const violations: Violation[] = [];
  const ended = floors.toSorted((a, b) => a.atMs - b.atMs);
  // By life of the store: how many rollbacks lay before.
  const highest = new Map<number, Floor>();
  let next = 0;
  for (const { read, key } of reads.toSorted((a, b) => a.read.startMs - b.read.startMs)) {
    const lives = rollbacks.get(read.region) ?? [];
    while (next < ended.length && ended[next]!.atMs < read.startMs) {
      const floor = ended[next]!;
      const life = lives.filter(({ endMs }) => endMs <= floor.beganMs).length;
      if (floor.counter > (highest.get(life)?.counter ?? 0)) highest.set(life, floor);
      next += 1;
    }
    const floor = highest.get(lives.filter(({ startMs }) => startMs < read.endMs).length);
    if (!floor) continue;
    const shown = order.newestShown(key, read.value ?? null, read.endMs);
    if (shown >= floor.counter) continue;
    violations.push({
      invariant: 'I2',
      key,
      region: read.region,
      process: read.process,
      atMs: read.endMs,
      what: `${read.process} was served counter ${shown} of ${key} from ${read.tier ?? 'a cache'}, after ${floor.because} ${floor.counter}`,
    });
  }
  return violations;
}

function rollbacksByRegion(faults: readonly FaultLine[]): ReadonlyMap<string, readonly FaultLine[]> {
  const found = new Map<string, FaultLine[]>();
  for (const fault of faults.toSorted((a, b) => a.startMs - b.startMs)) {
    if (fault.rolledBack === undefined) continue;
    found.set(fault.rolledBack, [...(found.get(fault.rolledBack) ?? []), fault]);
  }
  return found;
}
