import { ConfigurationError, isKey, isVersion, type Leadership } from '@tidemark/core';
import type { Mesh } from '@tidemark/inspect';
import { SHELF_EVENTS_MAX, type VerifierShelf, verifierShelf } from '@tidemark/postgres';
import type { Schedule } from './schedule.ts';
import { parseState, type SavedState } from './saved-state.ts';

const SAVE_EVERY_MS = 1_000;
const LEAD_EVERY_MS = 500;

export interface KeeperParts {
  readonly mesh: Mesh;
  readonly name: string;
  readonly schedule: Schedule;
  readonly agesMs: readonly number[];
  readonly monoMs: () => number;
  /** What is to be saved now, besides the events. */
  readonly state: () => Omit<SavedState, 'format' | 'writer'>;
  /** Told when another verifier has the state by now: nothing is saved any more. */
  readonly onSuperseded: () => void;
}

/** What is to be saved, as it stood at one instant. */
interface Snapshot {
  readonly state: SavedState;
  readonly doneBelow: number;
}

/**
 * Keeps what is pending and counted in the source's database. While that is away the verifier goes on in memory; what it
 * did meanwhile is saved when it is back.
 */
export class Keeper {
  readonly #parts: KeeperParts;
  readonly #shelf: VerifierShelf;
  readonly #writer: string;
  #leadership: Leadership | null = null;
  #savedBelow = 1;
  /** What was saved last; null before this verifier has the state. */
  #saved: Snapshot | null = null;
  #saving: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(parts: KeeperParts, writer: string) {
    if (!/^[a-z][a-z0-9_-]{0,63}$/.test(parts.name)) {
      throw new ConfigurationError(
        `the state's name ${JSON.stringify(parts.name)}: use 1 to 64 lower-case letters, digits, '-' or '_', a letter first`,
      );
    }
    this.#parts = parts;
    this.#writer = writer;
    // Through whichever region reaches the source.
    const via = <T>(work: (shelf: VerifierShelf) => Promise<T>): Promise<T> =>
      parts.mesh.truth(({ source }) => work(verifierShelf(source.db))).then(({ answer }) => answer);
    this.#shelf = {
      load: (name) => via((shelf) => shelf.load(name)),
      save: (...args) => via((shelf) => shelf.save(...args)),
    };
  }

  /** Waits until no other verifier has this state, and goes on where the last one was. Null: it is new, or `signal` ended it. */
  async take(signal: AbortSignal, onWait: () => void): Promise<SavedState | null> {
    for (let told = false; !signal.aborted; told = true) {
      if (await this.#lead()) break;
      if (!told) onWait();
      await pause(LEAD_EVERY_MS, signal);
    }
    if (signal.aborted) return null;
    const found = await this.#shelf.load(this.#parts.name);
    const state = found && parseState(found.state);
    if (!found || !state) return null;
    const nowMs = this.#parts.monoMs();
    const events = found.events
      .filter(({ key, version }) => isKey(key) && isVersion(version))
      .map(({ ageMs, ...each }) => ({ ...each, seenAtMs: nowMs - ageMs }));
    // Places are of ages: with other ones, what is pending is left.
    const places = String(state.agesMs) === String(this.#parts.agesMs) ? state.places : {};
    this.#parts.schedule.restore(events, places, state.nextId);
    this.#savedBelow = this.#parts.schedule.nextId;
    return state;
  }

  start(): void {
    this.#saved ??= this.#state();
    this.#timer = setTimeout(() => {
      this.#saving = this.#save().finally(() => {
        if (!this.#stopped) this.start();
      });
    }, SAVE_EVERY_MS);
  }

  /** A last save, and the state is free for others. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#saving;
    await this.#save();
    await this.#leadership?.resign();
  }

  /** Never rejects: it is tried again, and until then all is in memory. */
  async #save(): Promise<void> {
    if (!this.#saved) return; // It never had the state.
    try {
      if (!(await this.#leads())) return;
      const { schedule } = this.#parts;
      while (schedule.nextId - this.#savedBelow > SHELF_EVENTS_MAX) {
        // What was counted is counted of events that are there: it is saved with the last of them.
        await this.#put(this.#saved, this.#saved.doneBelow);
      }
      const now = this.#state();
      await this.#put(now, now.doneBelow);
      this.#saved = now;
    } catch {
      // The source is away.
    }
  }

  async #put({ state }: Snapshot, doneBelow: number): Promise<void> {
    const { schedule, name, monoMs } = this.#parts;
    const nowMs = monoMs();
    const events = schedule.since(this.#savedBelow, SHELF_EVENTS_MAX);
    const end = events.at(-1)?.id ?? this.#savedBelow - 1;
    const rows = events.map(({ id, key, version, seenAtMs }) => ({
      ...{ id, key, version },
      ageMs: Math.max(0, Math.round(nowMs - seenAtMs)),
    }));
    await this.#shelf.save(name, { ...state, nextId: end + 1 }, doneBelow, rows);
    this.#savedBelow = end + 1;
  }

  #state(): Snapshot {
    const { schedule, state } = this.#parts;
    return {
      state: { format: 1, writer: this.#writer, ...state() },
      doneBelow: schedule.doneBelow,
    };
  }

  /** A leadership that was lost with the source is taken again, unless somebody went on with the state meanwhile. */
  async #leads(): Promise<boolean> {
    if (this.#leadership && !this.#leadership.lost.aborted) return true;
    if (!(await this.#lead())) return false;
    const found = await this.#shelf.load(this.#parts.name);
    const state = found && parseState(found.state);
    if (!state || state.writer === this.#writer) return true;
    this.#stopped = true;
    await this.#leadership?.resign();
    this.#parts.onSuperseded();
    return false;
  }

  async #lead(): Promise<boolean> {
    const { mesh, name } = this.#parts;
    try {
      this.#leadership = (await mesh.truth(({ source }) => source.lead(`verifier:${name}`))).answer;
    } catch {
      return false;
    }
    return this.#leadership !== null;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done, { once: true });
  });
}
