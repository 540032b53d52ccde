import type { Params, ParamTypes } from '../keyspace/params.ts';
import { records } from '../ports/telemetry.ts';
import { allows, type CacheConsistency, type Consistency, isUnproven } from './consistency.ts';
import type { FreshnessProof } from './freshness-proof.ts';
import type { L1Cache } from './l1-cache.ts';
import type { L1Entry } from './l1-entry.ts';
import { isDue, type LoadTimes } from './load-times.ts';
import type { Miss } from './miss.ts';
import type { AnyKeyspace, ResolvedOptions } from './options.ts';
import type { L1Facts } from '../protocol/question.ts';
import type { ServedResult } from './read-result.ts';
import type { Counters } from './stats.ts';

interface Parts {
  readonly l1: L1Cache;
  readonly proof: FreshnessProof;
  readonly times: LoadTimes;
  readonly counters: Counters;
  /** Told of a key's hits, several at a time. */
  readonly onHits: (key: string, times: number) => void;
}

/** What L1 may serve: synchronous, without I/O, and without an allocation for eventual reads. */
export class L1Reader {
  readonly #onHits: (key: string, times: number) => void;
  readonly #options: ResolvedOptions<unknown, unknown>;
  readonly #l1: L1Cache;
  readonly #proof: FreshnessProof;
  readonly #counters: Counters;
  readonly #times: LoadTimes;
  readonly #revalidate: (miss: Miss, entry: L1Entry) => void;
  readonly #observed: boolean;
  readonly #coarseMs: () => number;

  constructor(
    options: ResolvedOptions<unknown, unknown>,
    { l1, proof, times, counters, onHits }: Parts,
    revalidate: (miss: Miss, entry: L1Entry) => void,
  ) {
    this.#options = options;
    this.#l1 = l1;
    this.#proof = proof;
    this.#times = times;
    this.#onHits = onHits;
    this.#counters = counters;
    this.#revalidate = revalidate;
    this.#coarseMs = options.runtime.coarseMs ?? (() => options.runtime.monoMs());
    this.#observed = records(options.telemetry);
  }

  /**
   * Whether an entry that was found beside the LRU may be served to an eventual read; counts it as a hit. The LRU
   * hears of them several at a time, which keeps what is hot at its young end.
   */
  serves(keyspace: AnyKeyspace, params: Params<ParamTypes>, entry: L1Entry): boolean {
    if (this.#coarseMs() >= entry.refreshFromMs) return false;
    entry.hits += 1;
    if (entry.hits >= this.#l1.untoldMax) {
      const key = keyspace.key(params);
      this.#l1.get(key);
      this.#count(key, entry);
    }
    this.#counters.l1Hits += 1;
    if (this.#observed) {
      this.#options.telemetry.record({ type: 'read', keyspace: keyspace.name, tier: 'l1', why: 'fresh' });
    }
    return true;
  }

  hit(
    keyspace: AnyKeyspace,
    params: Params<ParamTypes>,
    key: string,
    consistency: Consistency,
  ): L1Entry | undefined {
    const entry = this.#l1.get(key);
    if (entry === undefined) return undefined;
    // A bound is proven by the exact clock only.
    const nowMs = consistency === 'eventual' ? this.#coarseMs() : this.#options.runtime.monoMs();
    if (entry.isOver(nowMs)) return undefined;
    const isOld = nowMs >= entry.refreshFromMs;
    if (consistency !== 'eventual' && !this.#mayServe(key, entry, consistency, nowMs)) return undefined;
    const why = isOld && this.#mayRefresh(keyspace, params, key, entry, nowMs) ? 'stale' : 'fresh';
    entry.hits += 1;
    if (entry.hits >= this.#l1.untoldMax) this.#count(key, entry);
    this.#counters.l1Hits += 1;
    if (this.#observed) {
      this.#options.telemetry.record({ type: 'read', keyspace: keyspace.name, tier: 'l1', why });
    }
    return entry;
  }

  /** The entry past all its times that may still be served when it can't be loaded. */
  lastResort(key: string, consistency: CacheConsistency): ServedResult | null {
    const entry = this.#l1.get(key);
    const nowMs = this.#options.runtime.monoMs();
    if (!entry || nowMs >= entry.endsAtMs) return null;
    if (!allows(consistency, nowMs - this.#provenAt(entry))) return null;
    return this.describe(entry, consistency);
  }

  /** What L1 has of a key, for those who ask from outside: no read, and no hit. */
  facts(key: string): L1Facts {
    const entry = this.#l1.peek(key);
    if (!entry)
      return { key, held: false, version: null, absent: false, ageMs: 0, freshLeftMs: 0, served: false };
    const nowMs = this.#options.runtime.monoMs();
    return {
      key,
      held: true,
      version: entry.version,
      absent: entry.value === null,
      ageMs: Math.max(0, nowMs - entry.sinceMs),
      freshLeftMs: entry.freshUntilMs - nowMs,
      served: !entry.isOver(nowMs),
    };
  }

  /** The entry as a read result. */
  describe(entry: L1Entry, consistency: Consistency): ServedResult {
    const nowMs = this.#options.runtime.monoMs();
    const boundMs = nowMs - this.#provenAt(entry);
    const age = nowMs < entry.freshUntilMs ? 'fresh' : 'stale';
    return {
      value: entry.value,
      tier: 'l1',
      version: entry.version,
      scope: entry.scope,
      freshUntilMs: entry.freshUntilMs,
      due: false,
      dependencies: entry.dependencies,
      stalenessBoundMs: boundMs,
      why: isUnproven(consistency, boundMs) ? 'unproven' : age,
    };
  }

  #count(key: string, entry: L1Entry): void {
    this.#onHits(key, entry.hits);
    entry.hits = 0;
  }

  /** @returns whether it is past its TTL */
  #mayRefresh(
    keyspace: AnyKeyspace,
    params: Params<ParamTypes>,
    key: string,
    entry: L1Entry,
    nowMs: number,
  ): boolean {
    const leftMs = entry.freshUntilMs - nowMs;
    if (leftMs <= 0) this.#counters.staleServes += 1;
    if (isDue(keyspace, leftMs, this.#times, this.#options.runtime)) {
      this.#revalidate({ keyspace, params, key, ticket: this.#l1.ticket() }, entry);
    }
    return leftMs <= 0;
  }

  #mayServe(
    key: string,
    entry: L1Entry,
    consistency: Exclude<Consistency, 'eventual'>,
    nowMs: number,
  ): boolean {
    if (consistency === 'latest') return false;
    if (consistency.level === 'bounded') return allows(consistency, nowMs - this.#provenAt(entry));
    if (!consistency.allows(key, entry)) return false;
    consistency.saw(key, entry);
    return true;
  }

  #provenAt(entry: L1Entry): number {
    return Math.max(entry.loadedAtMs ?? Number.NEGATIVE_INFINITY, this.#proof.closedMs);
  }
}
