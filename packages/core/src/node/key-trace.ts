import type { FillOutcome, KeyMoment } from '../protocol/question.ts';
import { ANSWER_MOMENTS_MAX } from '../protocol/question.ts';
import type { Version } from '../protocol/version.ts';

/** How long after an invalidation its key is watched: most of what goes wrong, goes wrong right then. */
const WINDOW_MS = 60_000;
/** Keys that are watched at a time; the one that was invalidated first makes room. */
const KEYS_MAX = 2_000;
/** Moments that are kept, of all keys; the oldest are written over. */
const MOMENTS_MAX = 8_192;

interface Noted extends Omit<KeyMoment, 'ageMs'> {
  readonly atMs: number;
}

/**
 * What a node saw of keys within a while after their invalidation, for those who ask why something is stale. It says
 * nothing of keys that nobody invalidated, and costs a hit of L1 nothing.
 */
export class KeyTrace {
  readonly #monoMs: () => number;
  /** Until when each key is watched; in the order of their last invalidations. */
  readonly #watched = new Map<string, number>();
  readonly #ring: Noted[] = [];
  #next = 0;

  constructor(monoMs: () => number) {
    this.#monoMs = monoMs;
  }

  /** Watches the key from now on. */
  invalidated(key: string, version: Version): void {
    this.#watched.delete(key);
    if (this.#watched.size >= KEYS_MAX) {
      for (const oldest of this.#watched.keys()) {
        this.#watched.delete(oldest);
        break;
      }
    }
    this.#watched.set(key, this.#monoMs() + WINDOW_MS);
    this.#put(key, 'invalidated', version);
  }

  /** Notes something of a key that is watched. */
  note(
    key: string,
    type: Exclude<KeyMoment['type'], 'invalidated'>,
    version: Version | null,
    outcome?: FillOutcome,
  ): void {
    if (this.#watched.size === 0) return;
    const untilMs = this.#watched.get(key);
    if (untilMs === undefined) return;
    if (this.#monoMs() <= untilMs) this.#put(key, type, version, outcome);
    else this.#watched.delete(key);
  }

  /** What was noted of these keys, oldest first; the latest of it when that is too much for one answer. */
  of(keys: ReadonlySet<string>): KeyMoment[] {
    const nowMs = this.#monoMs();
    const inOrder = [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)];
    return inOrder
      .filter(({ key }) => keys.has(key))
      .slice(-ANSWER_MOMENTS_MAX)
      .map(({ atMs, ...moment }) => ({ ...moment, ageMs: nowMs - atMs }));
  }

  #put(key: string, type: KeyMoment['type'], version: Version | null, outcome?: FillOutcome): void {
    const atMs = this.#monoMs();
    const noted = { key, type, version, atMs };
    this.#ring[this.#next] = outcome === undefined ? noted : { ...noted, outcome };
    this.#next = (this.#next + 1) % MOMENTS_MAX;
  }
}
