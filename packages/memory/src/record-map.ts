import type { StoredRecord } from '@tidemark/core';

/** Records kept for each value allowed: tidemarks outlive their values. */
const RECORDS_PER_VALUE = 4;
/** Records looked at with every change, so that expired ones don't pile up. */
const SWEEP_STEP = 2;

interface Slot {
  readonly record: StoredRecord;
  readonly untilMs: number;
}

/**
 * Records that expire. Bounded twice: one value too many evicts the value that was left alone
 * longest, but never its tidemark; one record too many is refused.
 */
export class RecordMap {
  readonly #valuesMax: number;
  readonly #slots = new Map<string, Slot>();
  // In order of their last change, so that the first is the one to evict.
  readonly #values = new Set<string>();
  #sweep: Iterator<[string, Slot]> | null = null;

  constructor(valuesMax: number) {
    this.#valuesMax = valuesMax;
  }

  get(key: string, nowMs: number): StoredRecord | null {
    const slot = this.#slots.get(key);
    return slot && slot.untilMs > nowMs ? slot.record : null;
  }

  /** Until when a record is kept, expired or not; 0 when there is none. */
  untilMs(key: string): number {
    return this.#slots.get(key)?.untilMs ?? 0;
  }

  /** Returns false, and keeps the map as it was, when there is no room for one more record. */
  put(key: string, record: StoredRecord, untilMs: number, nowMs: number): boolean {
    this.#sweepSome(nowMs);
    if (!this.#slots.has(key) && this.#slots.size >= this.#valuesMax * RECORDS_PER_VALUE) {
      this.#sweepAll(nowMs);
      if (this.#slots.size >= this.#valuesMax * RECORDS_PER_VALUE) return false;
    }
    this.#slots.set(key, { record, untilMs });
    this.#values.delete(key);
    if (record.value) this.#values.add(key);
    if (this.#values.size > this.#valuesMax) this.#evictValue();
    return true;
  }

  keys(nowMs: number): string[] {
    return [...this.#slots].filter(([, { untilMs }]) => untilMs > nowMs).map(([key]) => key);
  }

  get size(): number {
    return this.#slots.size;
  }

  clear(): void {
    this.#slots.clear();
    this.#values.clear();
    this.#sweep = null;
  }

  copy(): RecordMap {
    const copy = new RecordMap(this.#valuesMax);
    for (const [key, slot] of this.#slots) copy.#slots.set(key, slot);
    for (const key of this.#values) copy.#values.add(key);
    return copy;
  }

  #evictValue(): void {
    const key = this.#values.values().next().value!;
    const { record, untilMs } = this.#slots.get(key)!;
    this.#values.delete(key);
    this.#slots.set(key, { record: { tidemark: record.tidemark, value: null }, untilMs });
  }

  #sweepSome(nowMs: number): void {
    for (let step = 0; step < SWEEP_STEP; step += 1) {
      this.#sweep ??= this.#slots.entries();
      const next = this.#sweep.next();
      if (next.done) {
        this.#sweep = null;
        return;
      }
      this.#forgetExpired(next.value, nowMs);
    }
  }

  #sweepAll(nowMs: number): void {
    for (const entry of this.#slots) this.#forgetExpired(entry, nowMs);
  }

  #forgetExpired([key, { untilMs }]: [string, Slot], nowMs: number): void {
    if (untilMs > nowMs) return;
    this.#slots.delete(key);
    this.#values.delete(key);
  }
}
