import { type RetainedValue, retainValue } from '@tidemark/core';

interface Kept {
  readonly history: readonly RetainedValue[];
  readonly untilMs: number;
}

/** Histories of keys, until they expire. Over the limit the one that was left alone longest is lost. */
export class HistoryMap {
  readonly #max: number;
  readonly #kept = new Map<string, Kept>();

  constructor(max: number) {
    this.#max = max;
  }

  get(key: string, nowMs: number): readonly RetainedValue[] {
    const kept = this.#kept.get(key);
    return kept && kept.untilMs > nowMs ? kept.history : [];
  }

  add(key: string, value: RetainedValue, keepMax: number, untilMs: number, nowMs: number): void {
    const history = retainValue(this.get(key, nowMs), value, keepMax);
    this.#kept.delete(key);
    this.#kept.set(key, { history, untilMs });
    if (this.#kept.size > this.#max) this.#kept.delete(this.#kept.keys().next().value!);
  }

  clear(): void {
    this.#kept.clear();
  }

  copy(): HistoryMap {
    const copy = new HistoryMap(this.#max);
    for (const [key, kept] of this.#kept) copy.#kept.set(key, kept);
    return copy;
  }
}
