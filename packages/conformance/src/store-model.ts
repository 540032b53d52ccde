import {
  advanceState,
  chainBatch,
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
  recordFor,
  raiseStateEpoch,
  type RetainedValue,
  retainValue,
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

interface Until<T> {
  readonly is: T;
  readonly untilMs: number;
}

/** The pure rules and nothing else: no bounds, and a clock that its test moves. */
export class StoreModel implements Store {
  nowMs = 0;
  readonly #tombstoneTtlMs: number;
  readonly #records = new Map<string, Until<StoredRecord>>();
  readonly #holders = new Map<string, Until<string>>();
  readonly #histories = new Map<string, Until<readonly RetainedValue[]>>();
  #state: StoreState | null = null;
  #markWhileEmpty: string | null = null;

  constructor(tombstoneTtlMs: number) {
    this.#tombstoneTtlMs = tombstoneTtlMs;
  }

  clear(): void {
    this.#records.clear();
    this.#holders.clear();
    this.#histories.clear();
    this.#markWhileEmpty = null;
    this.#state = null;
  }

  async read(keys: readonly string[], schema?: number): Promise<StoreAnswer> {
    const meta = this.#state?.meta ?? null;
    const records = keys.map((key) => (meta ? recordFor(this.#record(key), schema) : null));
    return { meta, records, nowMs: this.nowMs };
  }

  async raise(invalidations: readonly Invalidation[]): Promise<void> {
    if (this.#state) this.#state = raiseScopes(this.#state, invalidations);
    for (const { key, version } of invalidations) {
      if (isScopeKey(key)) continue;
      const known = this.#record(key);
      const lifeMs = known ? this.#records.get(key)!.untilMs : 0;
      const untilMs = Math.max(lifeMs, this.nowMs + this.#tombstoneTtlMs);
      this.#records.set(key, { is: raiseRecord(known, version), untilMs });
      this.#holders.delete(`lease ${key}`);
    }
  }

  async lease(key: string, token: string, ttlMs: number): Promise<LeaseAnswer> {
    return { granted: this.#hold(`lease ${key}`, token, ttlMs) };
  }

  async release(key: string, token: string): Promise<void> {
    this.#letGo(`lease ${key}`, token);
  }

  async watch(watch: Watch): Promise<WatchAnswer> {
    const { key, version, lifeMs } = watch;
    const meta = this.#state?.meta ?? null;
    const record = this.#record(key);
    const verdict = judgeWatch(meta, record, watch, this.#mayHaveForgotten());
    if (verdict === 'admitted' && !isScopeKey(key)) {
      const knownMs = record ? this.#records.get(key)!.untilMs : 0;
      const untilMs = Math.max(knownMs, this.nowMs + Math.max(this.#tombstoneTtlMs, lifeMs));
      this.#records.set(key, { is: raiseRecord(record, version), untilMs });
    }
    return { verdict, meta };
  }

  async fill(fill: Fill): Promise<FillVerdict> {
    const record = this.#record(fill.key);
    const leased =
      fill.lease !== null && live(this.#holders.get(`lease ${fill.key}`), this.nowMs) === fill.lease;
    const verdict = judgeFill(this.#state?.meta ?? null, record, fill, leased, this.#mayHaveForgotten());
    if (leased) this.#holders.delete(`lease ${fill.key}`);
    if (verdict !== 'admitted') return verdict;
    const untilMs = this.nowMs + Math.max(this.#tombstoneTtlMs, fill.freshMs + fill.staleMs);
    this.#records.set(fill.key, { is: fillRecord(record, fill, this.nowMs), untilMs });
    return verdict;
  }

  async retain(
    key: string,
    value: Omit<RetainedValue, 'filledAtMs'>,
    keepMax: number,
    lifeMs: number,
  ): Promise<void> {
    const fact = { ...value, filledAtMs: this.nowMs };
    const history = retainValue(await this.retained(key), fact, keepMax);
    this.#histories.set(key, { is: history, untilMs: this.nowMs + lifeMs });
  }

  async retained(key: string): Promise<readonly RetainedValue[]> {
    return live(this.#histories.get(key), this.nowMs) ?? [];
  }

  async apply({ invalidations, advance, ...link }: StoreBatch): Promise<StoreBatchResult> {
    await this.raise(invalidations);
    if (!this.#state) {
      if (link.expect === null || link.expect === this.#markWhileEmpty) this.#markWhileEmpty = link.mark;
      return { outcome: 'uninitialised', meta: null };
    }
    const { state, lineage } = chainBatch(this.#state, link);
    this.#state = state;
    if (!advance) return { outcome: 'applied', meta: this.#state.meta };
    const after = advanceState(state, advance, lineage, this.nowMs, this.#tombstoneTtlMs / 2);
    this.#state = after.state;
    return { outcome: after.outcome, meta: after.state.meta };
  }

  async initialise(incarnation: string, horizon: Position, mark?: string): Promise<StoreMeta> {
    if (!this.#state && mark !== undefined && mark !== this.#markWhileEmpty) {
      throw new StoreUnavailableError('the model lost what was applied to it');
    }
    this.#markWhileEmpty = null;
    this.#state ??= initState(incarnation, horizon, this.nowMs);
    return this.#state.meta;
  }

  async raiseEpoch(base: Position): Promise<void> {
    if (this.#state) this.#state = raiseStateEpoch(this.#state, base);
  }

  async claim(role: string, holder: string, ttlMs: number): Promise<boolean> {
    return this.#hold(`role ${role}`, holder, ttlMs);
  }

  async resign(role: string, holder: string): Promise<void> {
    this.#letGo(`role ${role}`, holder);
  }

  async *keys(): AsyncGenerator<readonly string[]> {
    yield [...this.#records.keys()].filter((key) => this.#record(key) !== null);
  }

  async close(): Promise<void> {}

  #mayHaveForgotten(): boolean {
    return this.#state !== null && mayHaveForgotten(this.#state, this.nowMs, this.#tombstoneTtlMs / 2);
  }

  #record(key: string): StoredRecord | null {
    return live(this.#records.get(key), this.nowMs);
  }

  #hold(name: string, holder: string, ttlMs: number): boolean {
    const held = live(this.#holders.get(name), this.nowMs);
    if (held !== null && held !== holder) return false;
    this.#holders.set(name, { is: holder, untilMs: this.nowMs + ttlMs });
    return true;
  }

  #letGo(name: string, holder: string): void {
    if (live(this.#holders.get(name), this.nowMs) === holder) this.#holders.delete(name);
  }
}

function live<T>(entry: Until<T> | undefined, nowMs: number): T | null {
  return entry && entry.untilMs > nowMs ? entry.is : null;
}
