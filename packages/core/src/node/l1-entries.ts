import type { Label } from '../protocol/dependency.ts';
import type { Version } from '../protocol/version.ts';
import { L1Entry } from './l1-entry.ts';
import type { LoadTimes } from './load-times.ts';
import type { AnyKeyspace } from './options.ts';

/** What entries have in common that were filled under the same conditions. */
export interface L1Terms {
  /** Of their versions; null when the source gives none. */
  readonly era: number | null;
  readonly scope: number;
  /** How long before the end of its TTL a read may have to have it reloaded, ms. */
  readonly earlyMs: number;
  /** How long past its TTL an entry is served while it is reloaded, ms. */
  readonly staleMs: number;
  /** How long past its TTL it is served when it can't be loaded, ms. */
  readonly keptMs: number;
  /** They were loaded here from the primary: a proof. Else they were taken from L2. */
  readonly isLoaded: boolean;
  readonly dependencies: readonly Label[];
}

/** What an entry is made from. */
export interface L1Value {
  readonly value: unknown;
  readonly version: Version | null;
  readonly scope: number;
  readonly nowMs: number;
  readonly freshUntilMs: number;
  /** How long it is kept after that, ms. */
  readonly staleMs: number;
  /** -Infinity: nothing is proven by it. */
  readonly loadedAtMs: number;
  readonly dependencies: readonly Label[];
}

/** Terms that are looked through for each fill; more conditions at once only cost memory. */
const TERMS_MAX = 16;
/** Windows of early refreshes are rounded up by at most a quarter: load times differ, terms should not. */
const EARLY_STEPS = 4;
const NO_DEPENDENCIES: readonly Label[] = Object.freeze([]);

/** Makes L1 entries, and lets them share their terms: eras and scopes rise seldom, keyspaces are few. */
export class L1Entries {
  readonly #times: LoadTimes;
  readonly #terms: L1Terms[] = [];
  #next = 0;

  constructor(times: LoadTimes) {
    this.#times = times;
  }

  make(keyspace: AnyKeyspace, from: L1Value): L1Entry {
    const { value, version, scope, loadedAtMs, dependencies } = from;
    const keptMs = Math.floor(from.staleMs);
    const staleMs = Math.floor(Math.min(from.staleMs, keyspace.staleMs));
    const era = version === null ? null : version.era;
    const earlyMs = roundUp(keyspace.early.windowMs(this.#times.of(keyspace.name)));
    const isLoaded = loadedAtMs !== Number.NEGATIVE_INFINITY;
    const shared = { era, scope, earlyMs, staleMs, keptMs, isLoaded };
    const terms = dependencies.length === 0 ? this.#shared(shared) : { ...shared, dependencies };
    return new L1Entry(
      value,
      version === null ? 0 : version.n,
      Math.floor(from.freshUntilMs) - earlyMs,
      Math.floor(isLoaded ? loadedAtMs : from.nowMs),
      terms,
    );
  }

  #shared(wanted: Omit<L1Terms, 'dependencies'>): L1Terms {
    for (const each of this.#terms) {
      const isSame =
        each.era === wanted.era &&
        each.scope === wanted.scope &&
        each.earlyMs === wanted.earlyMs &&
        each.staleMs === wanted.staleMs &&
        each.keptMs === wanted.keptMs &&
        each.isLoaded === wanted.isLoaded;
      if (isSame) return each;
    }
    const terms: L1Terms = { ...wanted, dependencies: NO_DEPENDENCIES };
    this.#terms[this.#next] = terms;
    this.#next = (this.#next + 1) % TERMS_MAX;
    return terms;
  }
}

/** To whole ms, of few different numbers. */
function roundUp(ms: number): number {
  const step = Math.max(1, 2 ** Math.floor(Math.log2(ms)) / EARLY_STEPS);
  return Math.ceil(ms / step) * step;
}
