import { StoreFormatError, StoreUnavailableError } from '@tidemark/core';
import { type Cluster, Redis } from 'ioredis';
import { Deadlines, NoAnswerError } from './deadlines.ts';
import { LeaseChannels } from './lease-channels.ts';
import type { ResolvedRedisOptions } from './options.ts';
import { StoreClock } from './store-clock.ts';

const CLOCK_EVERY_MS = 30_000;

/** What a store needs of its way to Redis. */
export interface StoreConnection {
  readonly redis: Redis | Cluster;
  /** Awaits a command; whatever goes wrong becomes a StoreUnavailableError, or a StoreFormatError. */
  run<T>(command: Promise<T>): Promise<T>;
  /** What to say of a store that a later release wrote. */
  later(cause?: unknown): StoreFormatError;
  /** Redis' clock, ms; at once when it is known. */
  nowMs(): number | Promise<number>;
  /** Servers that may have keys of this store. */
  scanned(): readonly Redis[];
  /** What hears of leases that end. */
  readonly leases: Pick<LeaseChannels, 'watch'>;
  close(): Promise<void>;
}

/** One connection that reconnects by itself, and knows what Redis' clock shows. */
export class Connection implements StoreConnection {
  readonly redis: Redis;
  readonly leases: LeaseChannels;
  readonly #deadlines: Deadlines;
  readonly #clock = new StoreClock();
  readonly #clockTimer: NodeJS.Timeout;
  readonly #connectTimeoutMs: number;
  /** What failed last, for the message of commands that fail because of it. */
  #lastError: Error | null = null;
  #closing: Promise<void> | null = null;

  constructor({ url, redis: options, commandTimeoutMs }: ResolvedRedisOptions) {
    this.#connectTimeoutMs = options.connectTimeout ?? 1_000;
    const { commandTimeout, socketTimeout = Infinity, ...unhurried } = options;
    this.redis = new Redis(url, { ...unhurried, replyMapping: 'legacy' });
    this.#deadlines = new Deadlines({
      commandTimeoutMs,
      silenceMaxMs: socketTimeout,
      onSilence: () => this.redis.disconnect(true),
    });
    this.leases = new LeaseChannels(
      () => this.redis.duplicate({ commandTimeout, socketTimeout }),
      commandTimeoutMs,
    );
    // A server that hangs, or is half cut off, takes connections, and then says nothing.
    let handshake: NodeJS.Timeout | undefined;
    this.redis.on('connect', () => {
      handshake = setTimeout(() => this.redis.disconnect(true), this.#connectTimeoutMs);
    });
    for (const event of ['ready', 'close']) this.redis.on(event, () => clearTimeout(handshake));
    this.redis.on('error', (error: Error) => {
      this.#lastError = error; // Without a listener it would be thrown.
    });
    this.redis.on('ready', () => {
      this.#lastError = null;
      void this.#setClock();
    });
    this.#clockTimer = setInterval(() => void this.#setClock(), CLOCK_EVERY_MS);
    this.#clockTimer.unref();
  }

  /** Resolves when connected, or when that failed or takes too long: the store then comes later. */
  async opened(): Promise<void> {
    const { redis } = this;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        for (const event of ['ready', 'error', 'end']) redis.off(event, done);
        resolve();
      };
      const timer = setTimeout(done, this.#connectTimeoutMs);
      for (const event of ['ready', 'error', 'end']) redis.once(event, done);
    });
    if (redis.status === 'ready') await this.#setClock();
  }

  /** Awaits a command; whatever goes wrong becomes a StoreUnavailableError, or a StoreFormatError. */
  run<T>(command: Promise<T>): Promise<T> {
    return this.#deadlines.run(command, this.#coded);
  }

  /** What to say of a store that a later release wrote. */
  later(cause?: unknown): StoreFormatError {
    const { host, port } = this.redis.options;
    return new StoreFormatError(
      `the store in Redis at ${host}:${port} was written by a later release; upgrade this process, until then it works without it`,
      { cause },
    );
  }

  /** Redis' clock, ms. Asks for it only if it was never asked before. */
  nowMs(): number | Promise<number> {
    if (this.#clock.isSet) return this.#clock.nowMs();
    return this.#setClock().then(() => this.#clock.nowMs());
  }

  scanned(): readonly Redis[] {
    return [this.redis];
  }

  /** Waits for commands under way, as long as their timeout allows. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#clockTimer);
    this.leases.close();
    try {
      if (this.redis.status === 'ready') await this.run(this.redis.quit());
    } catch {
      // It hangs or went away: there is nothing to wait for.
    }
    this.#deadlines.close();
    const { status } = this.redis;
    if (status === 'end') return;
    await new Promise<void>((resolve) => {
      // While it waits to reconnect there is no socket whose end ioredis would report.
      const waitMs = status === 'reconnecting' ? 0 : this.#connectTimeoutMs;
      const timer = setTimeout(resolve, waitMs);
      this.redis.once('end', () => {
        clearTimeout(timer);
        resolve();
      });
      this.redis.disconnect();
    });
  }

  readonly #coded = (cause: unknown): Error => {
    if (cause instanceof Error && cause.message.includes('TIDEMARK_LATER')) return this.later(cause);
    const { host, port } = this.redis.options;
    const error = this.#lastError ?? cause; // Why it is not connected says more than that it isn't.
    const said = error instanceof Error ? error.message : String(error);
    const why = said.startsWith("Stream isn't writeable") ? 'not connected' : said;
    return new StoreUnavailableError(
      `Redis at ${host}:${port} did not do it: ${why}; reads and writes go on without it, check that it is up and reachable`,
      { cause, unanswered: cause instanceof NoAnswerError },
    );
  };

  async #setClock(): Promise<void> {
    const askedAtMs = performance.now();
    try {
      const [seconds, microseconds] = await this.run(this.redis.time());
      this.#clock.set(Number(seconds), Number(microseconds), askedAtMs);
    } catch {
      // The old estimate is still good; the next connection asks again.
    }
  }
}
