import pLimit, { type LimitFunction } from 'p-limit';
import type { Invalidation } from '../protocol/event.ts';
import { compareVersions, type Version } from '../protocol/version.ts';
import { encodeMessage } from '../protocol/wire.ts';
import type { ResolvedOptions } from './options.ts';
import type { ReadPath } from './read-path.ts';
import { shippedValue } from './shipped-value.ts';

const CONCURRENCY_MAX = 8;
/** Keys that may wait for their reload; what comes on top is left to its next reader. */
const WAITING_MAX = 1_000;

/**
 * Reloads keys in the background, so that an invalidation leaves no miss behind: what this node wrote
 * (`onWrite: 'update'`, and ships it to the peers), and what it lost from L1 (`onWrite: 'refresh'`).
 *
 * Nothing waits for it, and nothing depends on it: a reload is a load and a fill like any other.
 */
export class Refresher {
  readonly #options: ResolvedOptions<unknown, unknown>;
  readonly #reads: ReadPath;
  readonly #limit: LimitFunction = pLimit(CONCURRENCY_MAX);
  readonly #waiting = new Map<string, Version>();
  readonly #running = new Set<Promise<void>>();
  #closed = false;

  constructor(options: ResolvedOptions<unknown, unknown>, reads: ReadPath) {
    this.#options = options;
    this.#reads = reads;
  }

  /** This node committed them. */
  written(invalidations: readonly Invalidation[]): void {
    for (const { key, version } of invalidations) {
      if (this.#options.keyspaceOf(key)?.onWrite === 'update') this.#enqueue(key, version, true);
    }
  }

  /** The key was dropped from L1 because something newer than `version` or of it is known. */
  dropped(key: string, version: Version): void {
    if (this.#options.keyspaceOf(key)?.onWrite === 'refresh') this.#enqueue(key, version, false);
  }

  /** Waits for what has begun; what still waits is left to its next reader. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting.clear();
    await Promise.all(this.#running);
  }

  #enqueue(key: string, version: Version, ships: boolean): void {
    if (this.#closed) return;
    const known = this.#waiting.get(key);
    if (known) {
      // Its reload has not begun: it will bring this one as well.
      if (compareVersions(version, known) > 0) this.#waiting.set(key, version);
      return;
    }
    if (this.#waiting.size >= WAITING_MAX) return;
    this.#waiting.set(key, version);
    const run = this.#limit(() => this.#reload(key, ships)).catch(() => {}); // Its next reader loads it.
    this.#running.add(run);
    void run.finally(() => this.#running.delete(run));
  }

  async #reload(key: string, ships: boolean): Promise<void> {
    const version = this.#waiting.get(key);
    if (!version) return;
    this.#waiting.delete(key);
    const keyspace = this.#options.keyspaceOf(key)!;
    const params = keyspace.params(key);
    if (!params) return; // A trigger's key of other parameters than the keyspace has now.
    if (!ships) return this.#reads.reloader.refresh(keyspace, params, key, version);
    const loaded = await this.#reads.reloader.renew(keyspace, params, key, version);
    const value = loaded && shippedValue(keyspace, key, loaded, this.#options.codec);
    if (!value) return;
    await this.#options.bus?.append({ data: encodeMessage({ kind: 'update', values: [value] }) });
  }
}
