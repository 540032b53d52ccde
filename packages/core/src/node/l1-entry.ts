import type { Label } from '../protocol/dependency.ts';
import type { Version } from '../protocol/version.ts';
import type { L1Terms } from './l1-entries.ts';

/**
 * A decoded, frozen value in this process. There are as many of these as L1 holds, so that each field counts: what
 * many entries have in common is in `terms`. Times are on the node's monotonic clock, in whole ms, since V8 keeps
 * small integers in the entry itself.
 */
export class L1Entry {
  /** Undefined once it is retired. */
  value: unknown;
  /** From here on a read may have to have it reloaded; none of the later times has come before. */
  readonly refreshFromMs: number;
  /** Hits that the LRU was not told of. */
  hits = 0;
  #promise: Promise<unknown> | null = null;
  /** When it was loaded here from the primary, or else taken from L2. */
  readonly sinceMs: number;
  /** Of its version; the era is one of its terms. */
  readonly #n: number;
  readonly #terms: L1Terms;

  constructor(value: unknown, n: number, refreshFromMs: number, sinceMs: number, terms: L1Terms) {
    this.value = value;
    this.refreshFromMs = refreshFromMs;
    this.sinceMs = sinceMs;
    this.#n = n;
    this.#terms = terms;
  }

  /** Null when the source gives no versions. */
  get version(): Version | null {
    const { era } = this.#terms;
    return era === null ? null : { era, n: this.#n };
  }

  /** When it was loaded here from the primary; null: it was not. */
  get loadedAtMs(): number | null {
    return this.#terms.isLoaded ? this.sinceMs : null;
  }

  /** Version `n` of the keyspace's scope key that the value was loaded under. */
  get scope(): number {
    return this.#terms.scope;
  }

  get freshUntilMs(): number {
    return this.refreshFromMs + this.#terms.earlyMs;
  }

  /** Until then it is served while it is reloaded. */
  get staleUntilMs(): number {
    return this.freshUntilMs + this.#terms.staleMs;
  }

  /** Until then it is served when it can't be loaded. */
  get endsAtMs(): number {
    return this.freshUntilMs + this.#terms.keptMs;
  }

  get dependencies(): readonly Label[] {
    return this.#terms.dependencies;
  }

  /** Whether it is past what a read may be served with while it is reloaded. */
  isOver(nowMs: number): boolean {
    // Before the first time none of the others has come.
    return nowMs >= this.refreshFromMs && nowMs >= this.staleUntilMs;
  }

  /** Whether both have a version, and this one's is older than the other's. */
  isBelow(other: L1Entry): boolean {
    const { era } = this.#terms;
    const { era: otherEra } = other.#terms;
    if (era === null || otherEra === null) return false;
    return era === otherEra ? this.#n < other.#n : era < otherEra;
  }

  /** Whether it is older than the version, or can't be told from an older one. */
  mayBeBelow(version: Version): boolean {
    const { era } = this.#terms;
    if (era === null) return true;
    return era === version.era ? this.#n < version.n : era < version.era;
  }

  /** The value as a promise: one for all its readers, since it was kept long ago. */
  promised(): Promise<unknown> {
    return (this.#promise ??= Promise.resolve(this.value));
  }

  /** L1 has it no more: whoever found it before finds nothing now, and its value is free. */
  retire(): void {
    this.value = undefined;
    this.#promise = null;
  }
}
