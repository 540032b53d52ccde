import {
  advanceState,
  chainBatch,
  ConfigurationError,
  type Fill,
  fillRecord,
  type FillVerdict,
  initState,
  type Invalidation,
  isScopeKey,
  judgeFill,
  judgeWatch,
  mayHaveForgotten,
  type LeaseAnswer,
  type Position,
  raiseRecord,
  raiseScopes,
  raiseStateEpoch,
  recordFor,
  type RetainedValue,
  type Runtime,
  type Store,
  type StoreAnswer,
  type StoreBatch,
  type StoreBatchResult,
  type StoredRecord,
  type StoreMeta,
  StoreUnavailableError,
  type StoreState,
  type Watch,
  type WatchAnswer,
} from '@tidemark/core';
import { HistoryMap } from './history-map.ts';
import { HolderMap } from './holder-map.ts';
import { ListenerMap } from './listener-map.ts';
import { RecordMap } from './record-map.ts';
import { ReportMap } from './report-map.ts';

export interface MemoryStoreOptions {
  readonly runtime: Runtime;
  /** Values kept; the least recently raised or filled goes first. Default 200,000. */
  readonly entriesMax?: number;
  /** How long a record outlives its last raise or fill, ms. Default 10 minutes. */
  readonly tombstoneTtlMs?: number;
}

/** What `MemoryStore.restore` goes back to: an opaque copy. */
export interface MemoryStoreCheckpoint {
  readonly state: StoreState | null;
  readonly records: RecordMap;
  readonly leases: HolderMap;
  readonly histories: HistoryMap;
  readonly roles: HolderMap;
  readonly markWhileEmpty: string | null;
}

const KEYS_PAGE = 500;
const ROLES_MAX = 64;

/** A region's store in this process: the embedded default. Applies the rules of `protocol/` directly. */
export class MemoryStore implements Store {
  readonly #runtime: Runtime;
  readonly #tombstoneTtlMs: number;
  #records: RecordMap;
  #leases: HolderMap;
  #histories: HistoryMap;
  #roles = new HolderMap(ROLES_MAX);
  readonly #ends = new ListenerMap();
  readonly popularity: ReportMap;
  #state: StoreState | null = null;
  /** Mark of the last batch that was applied while there was no state. */
  #markWhileEmpty: string | null = null;

  /** @internal use `memoryStore` */
  constructor({ runtime, entriesMax = 200_000, tombstoneTtlMs = 600_000 }: MemoryStoreOptions) {
    for (const [name, value] of Object.entries({ entriesMax, tombstoneTtlMs })) {
      if (!Number.isSafeInteger(value) || value < 1) {
        throw new ConfigurationError(`memory store ${name}: ${value} is not a whole number from 1`);
      }
    }
    this.#runtime = runtime;
    this.#tombstoneTtlMs = tombstoneTtlMs;
    this.popularity = new ReportMap(() => runtime.monoMs());
    this.#records = new RecordMap(entriesMax);
    this.#leases = new HolderMap(entriesMax);
    this.#histories = new HistoryMap(entriesMax);
  }

  async read(keys: readonly string[], schema?: number): Promise<StoreAnswer> {
    const nowMs = this.#runtime.monoMs();
    const meta = this.#state?.meta ?? null;
    const records = keys.map((key) => (meta ? recordFor(this.#records.get(key, nowMs), schema) : null));
    return { meta, records, nowMs };
  }

  async raise(invalidations: readonly Invalidation[]): Promise<void> {
    this.#raise(invalidations);
  }

  async lease(key: string, token: string, ttlMs: number): Promise<LeaseAnswer> {
    return { granted: this.#leases.take(key, token, this.#runtime.monoMs(), ttlMs) };
  }

  async release(key: string, token: string): Promise<void> {
    if (this.#leases.give(key, token)) this.#ends.emit(key);
  }

  readonly watchLease = async (key: string, ended: () => void): Promise<() => void> =>
    this.#ends.add(key, ended);

  async watch(watch: Watch): Promise<WatchAnswer> {
    const { key, version, lifeMs } = watch;
    const nowMs = this.#runtime.monoMs();
    const record = this.#records.get(key, nowMs);
    const verdict = judgeWatch(this.#state?.meta ?? null, record, watch, this.#mayHaveForgotten(nowMs));
    if (verdict === 'admitted' && !isScopeKey(key)) {
      const untilMs = Math.max(this.#records.untilMs(key), nowMs + Math.max(this.#tombstoneTtlMs, lifeMs));
      this.#put(key, raiseRecord(record, version), untilMs, nowMs);
    }
    return { verdict, meta: this.#state?.meta ?? null };
  }

  async fill(fill: Fill): Promise<FillVerdict> {
    const { key, lease } = fill;
    const nowMs = this.#runtime.monoMs();
    const leased = lease !== null && this.#leases.holds(key, lease, nowMs);
    const record = this.#records.get(key, nowMs);
    const verdict = judgeFill(this.#state?.meta ?? null, record, fill, leased, this.#mayHaveForgotten(nowMs));
    if (verdict === 'admitted') {
      const untilMs = nowMs + Math.max(this.#tombstoneTtlMs, fill.freshMs + fill.staleMs);
      this.#put(key, fillRecord(record, fill, nowMs), untilMs, nowMs);
    }
    if (leased && this.#leases.give(key, lease)) this.#ends.emit(key);
    return verdict;
  }

  async retain(
    key: string,
    value: Omit<RetainedValue, 'filledAtMs'>,
    keepMax: number,
    lifeMs: number,
  ): Promise<void> {
    const nowMs = this.#runtime.monoMs();
    this.#histories.add(key, { ...value, filledAtMs: nowMs }, keepMax, nowMs + lifeMs, nowMs);
  }

  async retained(key: string): Promise<readonly RetainedValue[]> {
    return this.#histories.get(key, this.#runtime.monoMs());
  }

  async apply({ invalidations, advance, ...link }: StoreBatch): Promise<StoreBatchResult> {
    this.#raise(invalidations);
    if (!this.#state) {
      if (link.expect === null || link.expect === this.#markWhileEmpty) this.#markWhileEmpty = link.mark;
      return { outcome: 'uninitialised', meta: null };
    }
    const chained = chainBatch(this.#state, link);
    this.#state = chained.state;
    if (!advance) return { outcome: 'applied', meta: this.#state.meta };
    const nowMs = this.#runtime.monoMs();
    const forgetAfterMs = this.#forgetAfterMs;
    const { state, outcome } = advanceState(this.#state, advance, chained.lineage, nowMs, forgetAfterMs);
    this.#state = state;
    return { outcome, meta: state.meta };
  }

  async initialise(incarnation: string, horizon: Position, mark?: string): Promise<StoreMeta> {
    if (!this.#state && mark !== undefined && mark !== this.#markWhileEmpty) {
      throw new StoreUnavailableError('the memory store lost what was applied to it; apply it again');
    }
    this.#state ??= initState(incarnation, horizon, this.#runtime.monoMs());
    this.#markWhileEmpty = null;
    return this.#state.meta;
  }

  async raiseEpoch(base: Position): Promise<void> {
    if (this.#state) this.#state = raiseStateEpoch(this.#state, base);
  }

  async claim(role: string, holder: string, ttlMs: number): Promise<boolean> {
    return this.#roles.take(role, holder, this.#runtime.monoMs(), ttlMs);
  }

  async resign(role: string, holder: string): Promise<void> {
    this.#roles.give(role, holder);
  }

  async *keys(): AsyncGenerator<readonly string[]> {
    const keys = this.#records.keys(this.#runtime.monoMs());
    for (let at = 0; at < keys.length; at += KEYS_PAGE) yield keys.slice(at, at + KEYS_PAGE);
  }

  async close(): Promise<void> {}

  /** Loses everything, as a Redis without persistence does when it restarts. */
  clear(): void {
    this.#state = null;
    this.#markWhileEmpty = null;
    this.#records.clear();
    this.#leases.clear();
    this.#histories.clear();
    this.#roles.clear();
    this.popularity.clear();
  }

  /** Records kept, expired ones that were not swept yet included. */
  get size(): number {
    return this.#records.size;
  }

  /** A copy of everything, as a Redis saves it. */
  checkpoint(): MemoryStoreCheckpoint {
    return {
      state: this.#state,
      records: this.#records.copy(),
      leases: this.#leases.copy(),
      histories: this.#histories.copy(),
      roles: this.#roles.copy(),
      markWhileEmpty: this.#markWhileEmpty,
    };
  }

  /** Goes back, as a Redis does that restarts from what it saved, or whose lagging replica is promoted. */
  restore({ state, records, leases, histories, roles, markWhileEmpty }: MemoryStoreCheckpoint): void {
    this.#state = state;
    this.#markWhileEmpty = markWhileEmpty;
    this.#records = records.copy();
    this.#leases = leases.copy();
    this.#histories = histories.copy();
    this.#roles = roles.copy();
  }

  /** Half of what a tombstone lives for. */
  get #forgetAfterMs(): number {
    return this.#tombstoneTtlMs / 2;
  }

  #mayHaveForgotten(nowMs: number): boolean {
    return this.#state !== null && mayHaveForgotten(this.#state, nowMs, this.#forgetAfterMs);
  }

  #raise(invalidations: readonly Invalidation[]): void {
    const nowMs = this.#runtime.monoMs();
    if (this.#state) this.#state = raiseScopes(this.#state, invalidations);
    for (const { key, version } of invalidations) {
      if (isScopeKey(key)) continue;
      const record = raiseRecord(this.#records.get(key, nowMs), version);
      const untilMs = Math.max(this.#records.untilMs(key), nowMs + this.#tombstoneTtlMs);
      this.#put(key, record, untilMs, nowMs);
      if (this.#leases.void(key)) this.#ends.emit(key);
    }
  }

  /**
   * Writes a record. When that is one tidemark too many, the store counts as emptied.
   *
   * A single tidemark can't be forgotten by raising `base` to the horizon: an event that came by
   * the fast path, or from above a horizon that a long transaction holds back, is not below it.
   * An emptied store is what the region knows how to mend: it gets a new incarnation, so that
   * fills under way and proofs of the old one count for nothing, and all above the new horizon is
   * applied again.
   */
  #put(key: string, record: StoredRecord, untilMs: number, nowMs: number): void {
    if (this.#records.put(key, record, untilMs, nowMs)) return;
    this.#state = null;
    this.#markWhileEmpty = null;
    this.#records.clear();
    this.#leases.clear();
    this.#records.put(key, { tidemark: record.tidemark, value: null }, untilMs, nowMs);
  }
}

/**
 * @throws ConfigurationError for options that can't work
 * @see MemoryStore
 */
export function memoryStore(options: MemoryStoreOptions): MemoryStore {
  return new MemoryStore(options);
}
