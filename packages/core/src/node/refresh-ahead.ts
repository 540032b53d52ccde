import pLimit, { type LimitFunction } from 'p-limit';
import { type Duration, durationMs } from '../keyspace/duration.ts';
import { ConfigurationError } from '../ports/errors.ts';
import type { Timer } from '../ports/runtime.ts';
import { SpaceSaving } from '../popularity/space-saving.ts';
import type { ResolvedOptions } from './options.ts';
import type { ReadPath } from './read-path.ts';

/** Keys whose hits a node counts. */
const COUNTED_MAX = 500;
const HALVE_EVERY_MS = 60_000;
const CONCURRENCY_MAX = 4;

/** A key that is read often. */
export interface HotKey {
  readonly key: string;
  /** Of L1, with those of earlier minutes counting half, a quarter and so on; a little too high at most. */
  readonly hits: number;
}

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
    ['keysMax', keysMax, COUNTED_MAX],
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
 * Counts which keys this node reads most, and, where asked, keeps those fresh: a reader of a hot key never waits
 * for its load. A refresh is an ordinary revalidation: the lease lets one node of a region load, the others
 * take what it filled. It stands back while readers wait for the source.
 */
export class RefreshAhead {
  readonly #options: ResolvedOptions<unknown, unknown>;
  readonly #reads: ReadPath;
  readonly #rule: RefreshAheadRule | null;
  readonly #counts = new SpaceSaving(COUNTED_MAX);
  readonly #limit: LimitFunction = pLimit(CONCURRENCY_MAX);
  #timer: Timer | null = null;
  #halvedAtMs: number;

  constructor(options: ResolvedOptions<unknown, unknown>, reads: ReadPath) {
    this.#options = options;
    this.#reads = reads;
    this.#rule = options.refreshAhead;
    this.#halvedAtMs = options.runtime.monoMs();
  }

  start(): void {
    if (this.#rule) this.#timer = this.#options.runtime.timer(1_000, () => this.#turn(this.#rule!));
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#limit.clearQueue();
  }

  /** So many reads of a key came to L1. */
  count(key: string, times: number): void {
    const nowMs = this.#options.runtime.monoMs();
    if (nowMs - this.#halvedAtMs >= HALVE_EVERY_MS) {
      this.#halvedAtMs = nowMs;
      this.#counts.halve();
    }
    this.#counts.add(key, times);
  }

  top(limit: number): HotKey[] {
    return this.#counts.top(limit).map(({ key, count }) => ({ key, hits: count }));
  }

  #turn(rule: RefreshAheadRule): void {
    const idle = this.#reads.waitingLoads === 0 && this.#limit.pendingCount === 0;
    const due = idle ? this.#counts.top(rule.keysMax).filter(({ key }) => this.#isDue(key, rule)) : [];
    for (const { key } of due.slice(0, rule.perSecondMax)) {
      const keyspace = this.#options.keyspaceOf(key);
      const params = keyspace?.params(key);
      if (keyspace && params) void this.#limit(() => this.#reads.revalidate(keyspace, params, key));
    }
    this.start();
  }

  #isDue(key: string, { aheadMs }: RefreshAheadRule): boolean {
    const entry = this.#reads.l1.peek(key);
    // What was invalidated is its readers' business.
    return entry !== undefined && entry.freshUntilMs - this.#options.runtime.monoMs() < aheadMs;
  }
}
