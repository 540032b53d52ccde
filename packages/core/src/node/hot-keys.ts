import { ConfigurationError, ClosedError } from '../ports/errors.ts';
import { type KeyReads, REPORT_KEYS_MAX } from '../ports/popularity.ts';
import type { Timer } from '../ports/runtime.ts';
import { mergePopularity, READS_HALF_LIFE_MS } from '../popularity/merge-popularity.ts';
import { ReadSampler } from '../popularity/read-sampler.ts';
import { SpaceSaving } from '../popularity/space-saving.ts';
import type { ResolvedOptions } from './options.ts';

const REPORT_EVERY_MS = 30_000;
const HOT_KEYS_DEFAULT = 10_000;

/** @throws ConfigurationError for a number that can't work */
export function hotKeysMax(value = HOT_KEYS_DEFAULT): number {
  if (Number.isInteger(value) && value >= 0 && value <= REPORT_KEYS_MAX) return value;
  throw new ConfigurationError(
    `hotKeysMax must be a whole number from 0 to ${REPORT_KEYS_MAX}, got ${String(value)}`,
  );
}

/** Counts what this node reads most, and tells its region: for refreshes ahead of time, and for warm-ups. */
export class HotKeys {
  readonly #options: ResolvedOptions<unknown, unknown>;
  readonly #counts: SpaceSaving;
  readonly #sampler = new ReadSampler();
  readonly #gather: () => void;
  #halvedAtMs: number;
  #timer: Timer | null = null;
  /** Drawn when it is first needed. */
  #node: string | null = null;
  #closed = false;

  /** @param gather has all reads told that were not yet */
  constructor(options: ResolvedOptions<unknown, unknown>, gather: () => void) {
    this.#options = options;
    this.#gather = gather;
    this.#counts = new SpaceSaving(Math.max(1, options.hotKeysMax));
    this.#halvedAtMs = options.runtime.monoMs();
  }

  start(): void {
    if (!this.#options.store?.popularity || this.#closed || this.#options.hotKeysMax === 0) return;
    this.#timer = this.#options.runtime.timer(
      REPORT_EVERY_MS,
      () => void this.report().then(() => this.start()),
    );
  }

  /** A last report: a region that is deployed anew would not know its hot keys. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const reporting = this.#timer !== null;
    this.#timer?.cancel();
    this.#timer = null;
    if (reporting) await this.report();
  }

  /** One read. */
  countOne(key: string): void {
    const times = this.#sampler.next();
    if (times > 0) this.count(key, times);
  }

  /** Several reads of a key. */
  count(key: string, times: number): void {
    if (this.#options.hotKeysMax === 0) return;
    this.#fade();
    this.#counts.add(key, times);
  }

  top(limit: number): KeyReads[] {
    this.#gather();
    this.#fade();
    return this.#counts.top(limit).map(({ key, count }) => ({ key, reads: count }));
  }

  /** Of all nodes of the region that reported, this one as it is now included. */
  async ofRegion(limit: number): Promise<KeyReads[]> {
    if (this.#closed) throw new ClosedError();
    const shelf = this.#options.store?.popularity;
    if (!shelf) return this.top(limit);
    await this.#put();
    return mergePopularity(shelf.reports(), limit);
  }

  /** Puts the counts down. Never rejects: the next report says the same and more. */
  async report(): Promise<void> {
    try {
      await this.#put();
    } catch (error) {
      this.#options.telemetry.record({ type: 'store-error', operation: 'report', error });
    }
  }

  async #put(): Promise<void> {
    const keys = this.top(this.#options.hotKeysMax);
    if (keys.length === 0) return;
    this.#node ??= this.#options.runtime.randomId();
    await this.#options.store!.popularity!.report(this.#node, keys);
  }

  #fade(): void {
    const nowMs = this.#options.runtime.monoMs();
    if (nowMs - this.#halvedAtMs < READS_HALF_LIFE_MS) return;
    this.#halvedAtMs = nowMs;
    this.#counts.halve();
    this.#sampler.restart();
  }
}
