import pLimit, { type LimitFunction } from 'p-limit';
import { type Duration, durationMs } from '../keyspace/duration.ts';
import { ConfigurationError } from '../ports/errors.ts';
import type { KeyReads } from '../ports/popularity.ts';
import type { Timer } from '../ports/runtime.ts';
import type { HotKeys } from './hot-keys.ts';
import type { ResolvedOptions } from './options.ts';
import type { ReadPath } from './read-path.ts';

const KEYS_MAX = 500;
/** What was read less is not worth a load that nobody waits for. */
const READS_MIN = 8;
const CONCURRENCY_MAX = 4;

/** Reloads of a node's hottest keys before their TTL ends, in the background. */
export interface RefreshAheadOptions {
  /** Of the hottest keys, so many. Default 100, at most 500. */
  readonly keysMax?: number;
  /** Loads a second that it may cause. Default 10. */
  readonly perSecondMax?: number;
  /** A value is reloaded when so much of its TTL is left. Default 10 s. */
  readonly ahead?: Duration;
}

export interface RefreshAheadRule {
  readonly keysMax: number;
  readonly perSecondMax: number;
  readonly aheadMs: number;
}

/** @throws ConfigurationError naming the option that is wrong */
export function refreshAheadRule(options: RefreshAheadOptions | undefined): RefreshAheadRule | null {
  if (options === undefined) return null;
  const { keysMax = 100, perSecondMax = 10 } = options;
  for (const [name, value, max] of [
    ['keysMax', keysMax, KEYS_MAX],
    ['perSecondMax', perSecondMax, 10_000],
  ] as const) {
    if (!Number.isInteger(value) || value < 1 || value > max) {
      throw new ConfigurationError(
        `refreshAhead.${name} must be a whole number from 1 to ${max}, got ${value}`,
      );
    }
  }
  return { keysMax, perSecondMax, aheadMs: durationMs(options.ahead ?? '10s', 'refreshAhead.ahead') };
}

/**
 * Keeps the keys that this node reads most fresh, where asked: a reader of a hot key never waits for its load. A refresh is an ordinary revalidation: the lease lets one node of a region load, the others
 * take what it filled. It stands back while readers wait for the source.
 */
export class RefreshAhead {
  readonly #options: ResolvedOptions<unknown, unknown>;
  readonly #reads: ReadPath;
  readonly #rule: RefreshAheadRule | null;
  readonly #hot: HotKeys;
  readonly #limit: LimitFunction = pLimit(CONCURRENCY_MAX);
  #timer: Timer | null = null;

  constructor(options: ResolvedOptions<unknown, unknown>, reads: ReadPath, hot: HotKeys) {
    this.#options = options;
    this.#reads = reads;
    this.#rule = options.refreshAhead;
    this.#hot = hot;
  }

  start(): void {
    if (this.#rule) this.#timer = this.#options.runtime.timer(1_000, () => this.#turn(this.#rule!));
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#limit.clearQueue();
  }

  #turn(rule: RefreshAheadRule): void {
    const idle = this.#reads.gauges.loadsWaiting === 0 && this.#limit.pendingCount === 0;
    const due = idle ? this.#hot.top(rule.keysMax).filter((each) => this.#isDue(each, rule)) : [];
    for (const { key } of due.slice(0, rule.perSecondMax)) {
      const keyspace = this.#options.keyspaceOf(key);
      const params = keyspace?.params(key);
      if (keyspace && params)
        void this.#limit(() => this.#reads.reloader.revalidateEntry(keyspace, params, key));
    }
    this.start();
  }

  #isDue({ key, reads }: KeyReads, { aheadMs }: RefreshAheadRule): boolean {
    if (reads < READS_MIN) return false;
    const entry = this.#reads.l1.peek(key);
    // What was invalidated is its readers' business.
    return entry !== undefined && entry.freshUntilMs - this.#options.runtime.monoMs() < aheadMs;
  }
}
