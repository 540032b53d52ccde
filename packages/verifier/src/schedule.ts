import type { Version } from '@tidemark/core';
import { compareVersions } from '@tidemark/core';
import { slackMs } from './ages.ts';

/** An invalidation that is to be checked. */
export interface PendingEvent {
  /** Place in the order in which they were seen. */
  readonly id: number;
  readonly key: string;
  readonly version: Version;
  /** When it was seen, on the verifier's monotonic clock. */
  readonly seenAtMs: number;
}

/** One check that is due: in one region, of one event at one of the ages. */
export interface DueCheck extends PendingEvent {
  /** Index of the age. */
  readonly age: number;
}

/** How far each region is: for each age, the id of the next event. */
export type Places = Readonly<Record<string, readonly number[]>>;

export interface ScheduleOptions {
  readonly regions: readonly string[];
  readonly agesMs: readonly number[];
  /** Events that wait at a time. */
  readonly pendingMax: number;
}

/** What became of an event that was seen: it waits, is known already, or there is no room. */
export type Taken = 'taken' | 'known' | 'full';

/**
 * Which event is to be checked where and when. Every event passes every age in every region, in the order in which it was
 * seen: so all that has to be kept is the list of events, and for each region and age a place in it.
 *
 * Time is an argument; it decides nothing else. Bounded: what finds no room is not taken, and the caller counts it.
 */
export class Schedule {
  readonly #options: ScheduleOptions;
  /** Those that some region has still to check, ids without holes. */
  #events: PendingEvent[] = [];
  /** How many at the front of `#events` are done. */
  #done = 0;
  #nextId = 1;
  /** The next event to take, and the next one whose check is not yet known to be made. */
  readonly #places = new Map<string, number[]>();
  readonly #made = new Map<string, number[]>();
  readonly #newest = new Map<string, Version>();

  constructor(options: ScheduleOptions) {
    this.#options = options;
    for (const region of options.regions) {
      for (const places of [this.#places, this.#made]) {
        places.set(
          region,
          options.agesMs.map(() => 1),
        );
      }
    }
  }

  /** Events that wait for a check. */
  get pending(): number {
    return this.#events.length - this.#done;
  }

  /** Id of the next event to come. */
  get nextId(): number {
    return this.#nextId;
  }

  /** Everything below it is done everywhere. */
  get doneBelow(): number {
    return this.#nextId - this.pending;
  }

  /** Of what was taken, only as far as its checks are `made`. */
  get places(): Places {
    return Object.fromEntries([...this.#made].map(([region, places]) => [region, [...places]]));
  }

  /** A version of a key was seen; one at or below what waits already tells nothing new. */
  add(key: string, version: Version, nowMs: number): Taken {
    const newest = this.#newest.get(key);
    if (newest && compareVersions(version, newest) <= 0) return 'known';
    if (this.pending >= this.#options.pendingMax) return 'full';
    this.#put(this.#nextId, key, version, nowMs);
    return 'taken';
  }

  /**
   * Takes up to `max` checks of a region that are due, the shortest age first. `late` counts by age those whose time is
   * past: they are not made.
   */
  take(
    region: string,
    nowMs: number,
    max: number,
  ): { readonly due: readonly DueCheck[]; readonly late: readonly number[] } {
    const places = this.#places.get(region)!;
    const { agesMs } = this.#options;
    const due: DueCheck[] = [];
    const late = agesMs.map(() => 0);
    for (const [age, ageMs] of agesMs.entries()) {
      for (let event = this.#at(places[age]!); event; event = this.#at(places[age]!)) {
        const waitedMs = nowMs - event.seenAtMs;
        if (waitedMs < ageMs) break;
        if (waitedMs > ageMs + slackMs(ageMs)) late[age]! += 1;
        else if (due.length < max) due.push({ ...event, age });
        else break;
        places[age]! += 1;
      }
    }
    return { due, late };
  }

  /** All that was taken for the region so far is checked and counted. */
  made(region: string): void {
    this.#made.set(region, [...this.#places.get(region)!]);
    this.#forget();
  }

  /** Events from `id` on, oldest first, at most `max`. */
  since(id: number, max: number): readonly PendingEvent[] {
    const at = Math.max(this.#done, this.#done + id - this.doneBelow);
    return this.#events.slice(at, at + max);
  }

  /**
   * Goes on where another process was. Regions and ages that it did not know begin with what is new.
   *
   * @param events in the order of their ids
   * @param nextId that the other one would have given
   */
  restore(events: readonly PendingEvent[], places: Places, nextId: number): void {
    this.#nextId = events[0]?.id ?? nextId;
    let lastMs = Number.NEGATIVE_INFINITY;
    for (const { id, key, version, seenAtMs } of events) {
      // What was lost between two that are there can be checked no more.
      if (id > this.#nextId && this.pending === 0) this.#nextId = id;
      lastMs = Math.max(lastMs, seenAtMs);
      if (id === this.#nextId) this.#put(id, key, version, lastMs);
    }
    const end = Math.max(this.#nextId, nextId);
    for (const [region, own] of this.#places) {
      const known = places[region];
      own.forEach((_, age) => {
        own[age] = Math.min(end, Math.max(this.doneBelow, known?.[age] ?? this.#nextId));
      });
      this.#made.set(region, [...own]);
    }
    if (this.pending === 0) this.#nextId = end;
    this.#forget();
  }

  #put(id: number, key: string, version: Version, seenAtMs: number): void {
    this.#events.push({ id, key, version, seenAtMs });
    this.#newest.set(key, version);
    this.#nextId = id + 1;
  }

  #at(id: number): PendingEvent | undefined {
    return this.#events[this.#done + id - this.doneBelow];
  }

  /** Drops what every region has checked at every age. */
  #forget(): void {
    const first = Math.min(...[...this.#made.values()].flat());
    for (let left = first - this.doneBelow; left > 0 && this.pending > 0; left -= 1) {
      const { key, version } = this.#events[this.#done]!;
      if (this.#newest.get(key) === version) this.#newest.delete(key);
      this.#done += 1;
    }
    if (this.#done < 1_024 && this.pending > 0) return;
    this.#events = this.#events.slice(this.#done);
    this.#done = 0;
  }
}
