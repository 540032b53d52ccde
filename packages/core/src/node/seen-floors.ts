import type { Label } from '../protocol/dependency.ts';
import { keyspaceOf } from '../protocol/key.ts';
import { compareVersions, VERSION_NONE, type Version } from '../protocol/version.ts';

/** Versions that a node remembers. */
const SEEN_FLOORS_MAX = 100_000;
const NEVER = Number.NEGATIVE_INFINITY;

interface Seen {
  readonly version: Version;
  readonly atMs: number;
}

/**
 * Versions that this node has heard of lately, of keys and of whole keyspaces. They guard it against answers that are behind what
 * it knows: fills that were under way, and a store that went back.
 *
 * A claim makes older ones needless: whatever a node heard before the ping of a claim, every store
 * state that shows the claim has applied.
 */
export class SeenFloors {
  // In order of hearing: raising a key moves it to the end.
  readonly #floors = new Map<string, Seen>();
  readonly #max: number;
  #forgottenBeforeMs = NEVER;
  #coveredMs = NEVER;
  #clearedAtMs = NEVER;
  /** When the node last wrote what its region's store may not have been told, and no claim covers. */
  #untoldAtMs = NEVER;
  /** Such a write was among what was forgotten: until a claim covers it, everything counts as overtaken. */
  #lostAtMs = NEVER;

  constructor(max = SEEN_FLOORS_MAX) {
    this.#max = max;
  }

  /** @returns false when the limit is reached and all was forgotten: nothing may be trusted then */
  raise(key: string, version: Version, atMs: number): boolean {
    const known = this.#floors.get(key);
    if (known) {
      this.#floors.delete(key);
      this.#floors.set(key, {
        version: compareVersions(known.version, version) > 0 ? known.version : version,
        atMs,
      });
      return true;
    }
    if (this.#floors.size >= this.#max && !this.#dropCovered()) {
      this.#floors.clear();
      this.#clearedAtMs = atMs;
      this.#lostAtMs = this.#untoldAtMs;
      return false;
    }
    this.#floors.set(key, { version, atMs });
    return true;
  }

  /** Of what this node wrote and raised at `atMs` its region's store may not know. */
  untold(atMs: number): void {
    this.#untoldAtMs = Math.max(this.#untoldAtMs, atMs);
    if (this.#clearedAtMs >= atMs) this.#lostAtMs = this.#untoldAtMs;
  }

  /** The highest version heard of, as far as it is remembered. */
  of(key: string): Version {
    return this.#floors.get(key)?.version ?? VERSION_NONE;
  }

  /** Whether the node heard of a newer version. */
  isBelow(key: string, version: Version): boolean {
    const known = this.#floors.get(key);
    return known !== undefined && compareVersions(version, known.version) < 0;
  }

  /** Whether the node heard of a newer version of the key, or of a newer scope of its keyspace. */
  isOvertaken({ key, version, scope }: Label): boolean {
    return this.isPast(key, version, scope);
  }

  /** The same, for who has no label at hand. */
  isPast(key: string, version: Version, scope: number): boolean {
    if (this.#lostAtMs !== NEVER) return true;
    if (this.#floors.size === 0) return false;
    return this.isBelow(key, version) || this.isBelow(keyspaceOf(key), { era: version.era, n: scope });
  }

  /** Whether the node heard of the key at or after `sinceMs`; for values without a version. */
  heardSince(key: string, sinceMs: number): boolean {
    const known = this.#floors.get(key);
    return known !== undefined && known.atMs >= sinceMs;
  }

  /** Whether everything heard at or after `sinceMs` is still remembered. */
  remembersSince(sinceMs: number): boolean {
    return sinceMs >= this.#forgottenBeforeMs;
  }

  /**
   * A claim covers what was heard before `coveredMs`. What was heard before `neededMs` as well is forgotten; the rest
   * stays, as long as there is room: a load that began before it may still be under way.
   */
  forget(coveredMs: number, neededMs = coveredMs): void {
    this.#coveredMs = Math.max(this.#coveredMs, coveredMs);
    if (this.#untoldAtMs < coveredMs) this.#untoldAtMs = NEVER;
    if (this.#lostAtMs < coveredMs) this.#lostAtMs = NEVER;
    const beforeMs = Math.min(coveredMs, neededMs);
    this.#forgottenBeforeMs = Math.max(this.#forgottenBeforeMs, beforeMs);
    for (const [key, { atMs }] of this.#floors) {
      if (atMs >= beforeMs) return;
      this.#floors.delete(key);
    }
  }

  /** Makes room by what a claim covers. */
  #dropCovered(): boolean {
    for (const [key, { atMs }] of this.#floors) {
      if (atMs >= this.#coveredMs) return false;
      this.#floors.delete(key);
      this.#forgottenBeforeMs = Math.max(this.#forgottenBeforeMs, atMs + 1);
      return true;
    }
    return false;
  }
}
