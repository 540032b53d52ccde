import type { Eras, State } from './eras.ts';
import { type FaultLine, type History, type ReadLine, SETTINGS_KEY } from './history.ts';
import { Known } from './known.ts';
import { countUpTo } from './ranks.ts';
import { isLess, type Level, levelOf } from './version.ts';
import type { Violation } from './violation.ts';

/** Something that proves that a place knew a state of a key. */
interface Floor {
  readonly atMs: number;
  readonly beganMs: number;
  readonly state: State;
  /** Under which it was served; left out: it binds reads under any. */
  readonly version?: Level;
  readonly because: string;
}

/** What knew of a key, and who read it there. */
interface Place {
  readonly key: string;
  readonly floors: Floor[];
  readonly reads: ReadLine[];
}

interface Found {
  readonly read: ReadLine;
  readonly violation: Violation;
}

/**
 * I1 and I2, as far as they can be seen from outside:
 *
 * - what was once served from a region's store is never served older from that store, to any process, but under a higher
 *   version: a value that was loaded while it was written may be newer than its version, and what comes under the
 *   next one older again;
 * - what a process wrote, and was told so, it never reads older, from any tier; and if its region's
 *   store was told as well, no process reads it older from that store.
 *
 * A store that a fault emptied or rolled back starts over: eventual reads may then show its past until it is
 * resynced. A read may follow only what ended before it began. What L1 served may come back older in
 * one case that nobody promised away (a load that only L1 kept), so L1 hits prove nothing here.
 */
export function checkFreshHits(history: History, eras: Eras): Violation[] {
  const processes = new Places();
  const stores = new Places();
  const served = new Places();
  // A value made with newer settings says nothing about the values of other keys.
  const servedSettings = new Places();
  for (const { write, key, outcome, via, process, region, startMs, endMs, storeTold } of history.writes) {
    const state = outcome === 'ok' && via === 'node' ? eras.made(key, write) : undefined;
    if (!state) continue;
    const floor = { atMs: endMs, beganMs: startMs, state, because: `${process} had written` };
    processes.at(process, key, key).floors.push(floor);
    if (storeTold) stores.at(region, key, key).floors.push(floor);
  }
  for (const read of history.reads) {
    const { region, process, key, value } = read;
    if (read.outcome !== 'ok' || value === undefined) continue;
    processes.get(process, key)?.reads.push(read);
    if (value) processes.get(process, SETTINGS_KEY)?.reads.push(read);
    if (read.tier !== 'l2') continue;
    stores.get(region, key)?.reads.push(read);
    if (value) stores.get(region, SETTINGS_KEY)?.reads.push(read);
    note(served.at(region, key, key), read, eras);
    if (value) note(servedSettings.at(region, key, SETTINGS_KEY), read, eras);
  }
  const resets = resetsByRegion(history.faults);
  const found = [processes, stores, served, servedSettings].flatMap((places) =>
    places.all.flatMap((place) => sweep(place, eras, resets)),
  );
  // One read may lack what several places knew: once is enough.
  const told = new Map<ReadLine, Set<string>>();
  return found.flatMap(({ read, violation }) => {
    const keys = told.get(read) ?? new Set();
    if (keys.has(violation.key)) return [];
    told.set(read, keys.add(violation.key));
    return [violation];
  });
}

/** Two names of a place, kept apart whatever characters they are made of. */
class Places {
  readonly all: Place[] = [];
  readonly #byName = new Map<string, Map<string, Place>>();

  get(name: string, other: string): Place | undefined {
    return this.#byName.get(name)?.get(other);
  }

  at(name: string, other: string, key: string): Place {
    let inner = this.#byName.get(name);
    if (!inner) this.#byName.set(name, (inner = new Map()));
    let place = inner.get(other);
    if (!place) {
      inner.set(other, (place = { key, floors: [], reads: [] }));
      this.all.push(place);
    }
    return place;
  }
}

/** A read from a store is judged by those before it, and binds those after it. */
function note({ key, floors, reads }: Place, read: ReadLine, eras: Eras): void {
  reads.push(read);
  const { region, value = null, version, startMs, endMs } = read;
  const state = eras.shown(key, value, endMs, () => 0);
  if (!state) return;
  const because = `the store of ${region} had served`;
  const labelled = typeof version === 'string' && { version: levelOf(version) };
  floors.push({ atMs: endMs, beganMs: startMs, state, because, ...labelled });
}

/** What was known under the highest version so far. */
interface Labelled {
  readonly version: Level | undefined;
  readonly states: Known;
}

function isAbove({ version }: ReadLine, floor: Labelled): boolean {
  return (
    typeof version === 'string' && floor.version !== undefined && isLess(floor.version, levelOf(version))
  );
}

function sweep({ key, floors, reads }: Place, eras: Eras, resets: ReadonlyMap<string, Resets>): Found[] {
  if (floors.length === 0 || reads.length === 0) return [];
  const found: Found[] = [];
  const ended = floors.toSorted((a, b) => a.atMs - b.atMs);
  // By life of the store: how many resets lay before.
  const lives = new Map<number, Labelled>();
  let next = 0;
  for (const read of reads.toSorted((a, b) => a.startMs - b.startMs)) {
    const { region, process, tier, value = null, endMs } = read;
    const reset = resets.get(region);
    while (next < ended.length && ended[next]!.atMs < read.startMs) {
      const { beganMs, state, version, because } = ended[next]!;
      next += 1;
      const life = reset ? countUpTo(reset.endsMs, beganMs, true) : 0;
      let known = lives.get(life);
      if (version && known?.version && isLess(version, known.version)) continue;
      if (!known || (version && known.version && isLess(known.version, version))) {
        lives.set(life, (known = { version, states: new Known(eras, key) }));
      }
      known.states.learn(state, because);
    }
    const life = reset ? countUpTo(reset.startsMs, endMs, false) : 0;
    const floor = lives.get(life);
    if (!floor || isAbove(read, floor)) continue;
    const lack = floor.states.lackOf(value, endMs);
    if (!lack) continue;
    const { shown, because } = lack;
    const known = lack.floor === null ? 'what came after the restore that undid it' : String(lack.floor);
    const what = `${process} was served counter ${shown} of ${key} from ${tier ?? 'a cache'}, after ${because} ${known}`;
    found.push({ read, violation: { invariant: 'I2', key, region, process, atMs: endMs, what } });
  }
  return found;
}

/** When a region's store lost something, in order. */
export interface Resets {
  readonly startsMs: readonly number[];
  readonly endsMs: readonly number[];
}

export function resetsByRegion(faults: readonly FaultLine[]): ReadonlyMap<string, Resets> {
  const found = new Map<string, { startsMs: number[]; endsMs: number[] }>();
  for (const { rolledBack, emptied, startMs, endMs } of faults) {
    for (const region of new Set([rolledBack, emptied])) {
      if (region === undefined) continue;
      let resets = found.get(region);
      if (!resets) found.set(region, (resets = { startsMs: [], endsMs: [] }));
      resets.startsMs.push(startMs);
      resets.endsMs.push(endMs);
    }
  }
  for (const { startsMs, endsMs } of found.values()) {
    startsMs.sort((a, b) => a - b);
    endsMs.sort((a, b) => a - b);
  }
  return found;
}
