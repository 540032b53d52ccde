import type { StoreFormatError } from '@tidemark/core';
import type { Redis } from 'ioredis';
import type { ClusterConnection } from './cluster-connection.ts';
import type { StoreConnection } from './connection.ts';
import { StoreClock } from './store-clock.ts';

const CLOCK_EVERY_MS = 5_000;

/** A cluster's client as the store of one partition uses it: the clock is that of the partition's own master. */
export class ClusterPartition implements StoreConnection {
  readonly redis: StoreConnection['redis'];
  readonly leases: StoreConnection['leases'];
  readonly #connection: ClusterConnection;
  readonly #time: () => Promise<readonly [seconds: string, microseconds: string]>;
  readonly #clock = new StoreClock();
  readonly #slotKey: string;
  #slot: Promise<number> | null = null;
  #clockSetAtMs = Number.NEGATIVE_INFINITY;

  /** @param slotKey any key of the partition's slot */
  constructor(connection: ClusterConnection, slotKey: string) {
    this.#connection = connection;
    this.#slotKey = slotKey;
    this.leases = {
      watch: async (channel, ended) => connection.leases.watch(channel, await this.#slotOf(), ended),
    };
    this.redis = connection.cluster;
    connection.cluster.defineCommand('tidemarkTime', { numberOfKeys: 1, lua: "return redis.call('TIME')" });
    const commands = connection.cluster as unknown as {
      tidemarkTime(key: string): Promise<[string, string]>;
    };
    this.#time = () => commands.tidemarkTime(slotKey);
  }

  run<T>(command: Promise<T>): Promise<T> {
    return this.#connection.run(command);
  }

  later(cause?: unknown): StoreFormatError {
    return this.#connection.later(cause);
  }

  /** Ages decide only how long a value lives: until the new master's clock was read, the old one's is good enough. */
  async nowMs(): Promise<number> {
    const nowMs = performance.now();
    if (nowMs - this.#clockSetAtMs > CLOCK_EVERY_MS) {
      this.#clockSetAtMs = nowMs;
      const setting = this.#setClock(nowMs);
      if (!this.#clock.isSet) await setting;
    }
    return this.#clock.nowMs();
  }

  scanned(): readonly Redis[] {
    return this.#connection.masters();
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  /** The slot of all of the partition's keys. */
  #slotOf(): Promise<number> {
    this.#slot ??= this.run(this.#connection.cluster.cluster('KEYSLOT', this.#slotKey)).then(
      Number,
      (error: unknown) => {
        this.#slot = null;
        throw error;
      },
    );
    return this.#slot;
  }

  async #setClock(askedAtMs: number): Promise<void> {
    try {
      const [seconds, microseconds] = await this.run(this.#time());
      this.#clock.set(Number(seconds), Number(microseconds), askedAtMs);
    } catch {
      // The old estimate is still good.
    }
  }
}
