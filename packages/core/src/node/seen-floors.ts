import type { Label } from '../protocol/dependency.ts';
import { keyspaceOf } from '../protocol/key.ts';
import { compareVersions, VERSION_NONE, type Version } from '../protocol/version.ts';

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
  #forgottenBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(max: number) {
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
    if (this.#floors.size >= this.#max) {
      this.#floors.clear();
      return false;
    }
    this.#floors.set(key, { version, atMs });
    return true;
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

  /** Forgets what was heard before `beforeMs`. */
  forget(beforeMs: number): void {
    this.#forgottenBeforeMs = Math.max(this.#forgottenBeforeMs, beforeMs);
    for (const [key, { atMs }] of this.#floors) {
      if (atMs >= beforeMs) return;
      this.#floors.delete(key);
    }
  }
}
