import {
  advanceState,
  type Fill,
  fillRecord,
  type FillVerdict,
  initState,
  type Invalidation,
  isScopeKey,
  judgeFill,
  type LeaseAnswer,
  type Position,
  raiseRecord,
  raiseScopes,
  raiseStateEpoch,
  type Runtime,
  type Store,
  type StoreAnswer,
  type StoreBatch,
  type StoreBatchResult,
  type StoredRecord,
  type StoreMeta,
  type StoreState,
} from '@tidemark/core';

export interface MemoryStoreOptions {
  readonly runtime: Runtime;
  /** Values kept; the least recently raised or filled goes first. Default 200,000. */
  readonly entriesMax?: number;
  /** How long a record outlives its last raise or fill, ms. Default 10 minutes. */
  readonly tombstoneTtlMs?: number;
}

/** Records kept for each value allowed: tidemarks outlive their values. */
const TOMBSTONES_PER_ENTRY = 4;

interface Slot {
  readonly record: StoredRecord;
  readonly expiresAtMs: number;
}

interface Held {
  readonly holder: string;
  readonly untilMs: number;
}

/**
 * A region's store in this process: the embedded default, and the reference that the other stores
 * are compared with.
 */
export class MemoryStore implements Store {
  readonly #runtime: Runtime;
  readonly #entriesMax: number;
  readonly #tombstoneTtlMs: number;
  #state: StoreState | null = null;
  // In order of their last change, so that the first is the one to evict.
  readonly #slots = new Map<string, Slot>();
  readonly #values = new Set<string>();
  readonly #leases = new Map<string, Held>();
  readonly #roles = new Map<string, Held>();

  constructor(options: MemoryStoreOptions) {
    this.#runtime = options.runtime;
    this.#entriesMax = options.entriesMax ?? 200_000;
    this.#tombstoneTtlMs = options.tombstoneTtlMs ?? 600_000;
  }

  async read(keys: readonly string[]): Promise<StoreAnswer> {
    const nowMs = this.#runtime.monoMs();
    const meta = this.#state?.meta ?? null;
    return { meta, records: keys.map((key) => (meta ? this.#get(key, nowMs) : null)), nowMs };
  }

  async raise(invalidations: readonly Invalidation[]): Promise<void> {
    this.#raise(invalidations);
  }

  async lease(key: string, token: string, ttlMs: number): Promise<LeaseAnswer> {
    const nowMs = this.#runtime.monoMs();
    const held = this.#leases.get(key);
    if (held && held.untilMs > nowMs && held.holder !== token) return { granted: false };
    this.#leases.set(key, { holder: token, untilMs: nowMs + ttlMs });
    if (this.#leases.size > this.#entriesMax) this.#leases.delete(this.#leases.keys().next().value!);
    return { granted: true };
  }

  async release(key: string, token: string): Promise<void> {
    if (this.#leases.get(key)?.holder === token) this.#leases.delete(key);
  }

  async fill(fill: Fill): Promise<FillVerdict> {
    const nowMs = this.#runtime.monoMs();
    const held = this.#leases.get(fill.key);
    const leased = held !== undefined && held.untilMs > nowMs && held.holder === fill.lease;
    const record = this.#get(fill.key, nowMs);
    const verdict = judgeFill(this.#state?.meta ?? null, record, fill, leased);
    if (leased) this.#leases.delete(fill.key);
    if (verdict !== 'admitted') return verdict;
    const filled = fillRecord(record, fill, nowMs);
    this.#put(fill.key, filled, nowMs + Math.max(this.#tombstoneTtlMs, fill.freshMs + fill.staleMs));
    return verdict;
  }

  async apply(batch: StoreBatch): Promise<StoreBatchResult> {
    const known = this.#state !== null;
    this.#raise(batch.invalidations);
    if (!known || !this.#state) return { outcome: 'uninitialised', meta: null };
    const marked = batch.expect === null || batch.expect === this.#state.mark;
    this.#state = { ...this.#state, mark: batch.mark };
    if (!batch.advance) return { outcome: 'applied', meta: this.#state.meta };
    const { state, outcome } = advanceState(
      this.#state,
      batch.advance,
      marked,
      this.#runtime.monoMs(),
      this.#tombstoneTtlMs / 2,
    );
    this.#state = state;
    return { outcome, meta: state.meta };
  }

  async initialise(incarnation: string, horizon: Position): Promise<StoreMeta> {
    this.#state ??= initState(incarnation, horizon, this.#runtime.monoMs());
    return this.#state.meta;
  }

  async raiseEpoch(base: Position): Promise<void> {
    if (this.#state) this.#state = raiseStateEpoch(this.#state, base);
  }

  async claim(role: string, holder: string, ttlMs: number): Promise<boolean> {
    const nowMs = this.#runtime.monoMs();
    const held = this.#roles.get(role);
    if (held && held.untilMs > nowMs && held.holder !== holder) return false;
    this.#roles.set(role, { holder, untilMs: nowMs + ttlMs });
    return true;
  }

  async resign(role: string, holder: string): Promise<void> {
    if (this.#roles.get(role)?.holder === holder) this.#roles.delete(role);
  }

  async *keys(): AsyncGenerator<readonly string[]> {
    yield [...this.#slots.keys()];
  }

  async close(): Promise<void> {}

  /** Loses everything, as a Redis without persistence does when it restarts. */
  clear(): void {
    this.#state = null;
    this.#slots.clear();
    this.#values.clear();
    this.#leases.clear();
    this.#roles.clear();
  }

  #raise(invalidations: readonly Invalidation[]): void {
    const nowMs = this.#runtime.monoMs();
    if (this.#state) this.#state = raiseScopes(this.#state, invalidations);
    for (const { key, version } of invalidations) {
      if (isScopeKey(key)) continue;
      const known = this.#slots.get(key);
      const record = raiseRecord(this.#get(key, nowMs), version);
      this.#put(key, record, Math.max(known?.expiresAtMs ?? 0, nowMs + this.#tombstoneTtlMs));
      this.#leases.delete(key);
    }
  }

  #get(key: string, nowMs: number): StoredRecord | null {
    const slot = this.#slots.get(key);
    return slot && slot.expiresAtMs > nowMs ? slot.record : null;
  }

  #put(key: string, record: StoredRecord, expiresAtMs: number): void {
    this.#slots.delete(key);
    this.#slots.set(key, { record, expiresAtMs });
    this.#values.delete(key);
    if (record.value) this.#values.add(key);
    const nowMs = this.#runtime.monoMs();
    for (const [oldest, slot] of this.#slots) {
      if (slot.expiresAtMs > nowMs) break;
      this.#forget(oldest);
    }
    if (this.#values.size > this.#entriesMax) this.#evictValue();
    if (this.#slots.size > this.#entriesMax * TOMBSTONES_PER_ENTRY) this.#forgetAll();
  }

  /** Evicts the value that was left alone longest, and keeps its tidemark. */
  #evictValue(): void {
    const key = this.#values.values().next().value!;
    const slot = this.#slots.get(key)!;
    this.#values.delete(key);
    this.#slots.set(key, { ...slot, record: { ...slot.record, value: null } });
  }

  /** Too many tidemarks to keep: all are forgotten, and with the epoch every fill under way is refused. */
  #forgetAll(): void {
    this.#slots.clear();
    this.#values.clear();
    if (this.#state) this.#state = raiseStateEpoch(this.#state, this.#state.meta.horizon);
  }

  #forget(key: string): void {
    this.#slots.delete(key);
    this.#values.delete(key);
  }
}

/** @see MemoryStore */
export function memoryStore(options: MemoryStoreOptions): MemoryStore {
  return new MemoryStore(options);
}
