import { records } from '../ports/telemetry.ts';
import { LoadTimeoutError } from '../ports/errors.ts';
import { LATE, within } from '../runtime/deadline.ts';
import type { CacheConsistency } from './consistency.ts';
import type { L1Reader } from './l1-reader.ts';
import type { L2Answer } from './l2-question.ts';
import type { L2Reader } from './l2-reader.ts';
import type { Miss } from './miss.ts';
import type { ResolvedOptions } from './options.ts';
import type { ServedResult } from './read-result.ts';
import type { Counters } from './stats.ts';

/**
 * What a reader gets when the load that it waits for fails or is slow: a value past its TTL, where its
 * keyspace allows that and its consistency still holds. A value that is known to be invalidated never is.
 */
export class StaleAnswers {
  readonly #options: ResolvedOptions<unknown, unknown>;
  readonly #l1: L1Reader;
  readonly #l2: L2Reader;
  readonly #counters: Counters;

  constructor(options: ResolvedOptions<unknown, unknown>, l1: L1Reader, l2: L2Reader, counters: Counters) {
    this.#options = options;
    this.#l1 = l1;
    this.#l2 = l2;
    this.#counters = counters;
  }

  /** The load's result within the keyspace's timeouts, or a stale one. A late load goes on and fills. */
  orStale(
    loading: Promise<ServedResult>,
    miss: Miss,
    answer: L2Answer | null,
    consistency: CacheConsistency,
  ): Promise<ServedResult> {
    const { softTimeoutMs, hardTimeoutMs, staleIfErrorMs } = miss.keyspace;
    const waits = Math.min(softTimeoutMs, hardTimeoutMs) === Number.POSITIVE_INFINITY;
    if (waits && staleIfErrorMs === 0) return loading;
    return this.#orStale(loading, miss, answer, consistency);
  }

  async #orStale(
    loading: Promise<ServedResult>,
    miss: Miss,
    answer: L2Answer | null,
    consistency: CacheConsistency,
  ): Promise<ServedResult> {
    const { runtime } = this.#options;
    const { softTimeoutMs, hardTimeoutMs } = miss.keyspace;
    const softMs = Math.min(softTimeoutMs, hardTimeoutMs);
    const beganMs = runtime.monoMs();
    const stale = (): Promise<ServedResult | null> => this.#stale(miss, answer, consistency);
    try {
      const soon = await within(runtime, softMs, loading);
      if (soon !== LATE) return soon;
      const instead = await stale();
      if (instead) return instead;
      const leftMs = Math.max(0, hardTimeoutMs - (runtime.monoMs() - beganMs));
      const inTime = await within(runtime, leftMs, loading);
      if (inTime !== LATE) return inTime;
      throw new LoadTimeoutError(miss.key, hardTimeoutMs, 'hardTimeout');
    } catch (error) {
      const instead = await stale();
      if (instead) return instead;
      throw error;
    } finally {
      loading.catch(() => {}); // It may fail when nobody waits for it any more.
    }
  }

  async #stale(
    miss: Miss,
    answer: L2Answer | null,
    consistency: CacheConsistency,
  ): Promise<ServedResult | null> {
    if (miss.keyspace.staleIfErrorMs === 0) return null;
    const found = this.#l1.lastResort(miss.key, consistency) ?? (await this.#inL2(miss, answer, consistency));
    if (!found) return null;
    this.#counters.staleServes += 1;
    const { telemetry } = this.#options;
    if (records(telemetry)) {
      telemetry.record({
        type: 'read',
        keyspace: miss.keyspace.name,
        tier: found.tier,
        why: 'stale-if-error',
      });
    }
    return { ...found, why: found.why === 'unproven' ? 'unproven' : 'stale-if-error' };
  }

  async #inL2(
    miss: Miss,
    answer: L2Answer | null,
    consistency: CacheConsistency,
  ): Promise<ServedResult | null> {
    if (!answer) return null;
    // What was there at the miss may have been invalidated since: the load took its time.
    const latest = await this.#l2.ask(miss);
    const found = this.#l2.judge(miss, latest ?? answer, consistency, true);
    return typeof found === 'object' ? found : null;
  }
}
