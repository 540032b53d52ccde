import { setTimeout as sleep } from 'node:timers/promises';
import { StoreFormatError, StoreUnavailableError } from '@tidemark/core';
import { Cluster, type Redis } from 'ioredis';
import { ClusterLeases } from './cluster-leases.ts';
import { Deadlines, NoAnswerError } from './deadlines.ts';
import type { ResolvedRedisOptions } from './options.ts';

const OPEN_MAX_MS = 2_000;
const RETRY_FIRST_MS = 25;
const RETRY_MAX_MS = 1_000;
/** A master that hangs never says that its slots moved: the others are asked. */
const SLOTS_EVERY_MS = 1_000;
const REDIRECTIONS_MAX = 4;

/** One client of a Redis Cluster, shared by all partitions of a store. */
export class ClusterConnection {
  readonly cluster: Cluster;
  readonly leases: ClusterLeases;
  readonly #nodes: readonly string[];
  readonly #commandTimeoutMs: number;
  readonly #deadlines: Deadlines;
  #lastError: Error | null = null;
  #closing: Promise<void> | null = null;

  constructor(nodes: readonly string[], options: ResolvedRedisOptions) {
    const { redis, commandTimeoutMs } = options;
    this.#nodes = nodes;
    this.#commandTimeoutMs = commandTimeoutMs;
    // Which of its connections are silent, the client watches.
    this.#deadlines = new Deadlines({ commandTimeoutMs, silenceMaxMs: Infinity, onSilence: () => {} });
    const { retryStrategy: _, reconnectOnError: __, enableOfflineQueue: ___, ...redisOptions } = redis;
    this.cluster = new Cluster([...nodes], {
      redisOptions: { ...redisOptions, replyMapping: 'legacy' },
      enableOfflineQueue: false,
      // A command whose connection broke may have been done: it is not sent again.
      retryDelayOnFailover: 0,
      retryDelayOnClusterDown: 0,
      maxRedirections: REDIRECTIONS_MAX,
      slotsRefreshTimeout: Math.max(500, commandTimeoutMs),
      slotsRefreshInterval: SLOTS_EVERY_MS,
      clusterRetryStrategy: (attempt) =>
        Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2),
    });
    this.leases = new ClusterLeases(this.cluster, options);
    this.cluster.on('error', (error: Error) => {
      this.#lastError = error; // Without a listener it would be thrown.
    });
    this.cluster.on('ready', () => (this.#lastError = null));
    // Or its first commands would wait in a queue while it connects.
    this.cluster.on('+node', (node: Redis) => void node.connect().catch(() => {}));
  }

  /** Resolves when connected, or when that takes too long: the store then comes later. */
  async opened(): Promise<void> {
    const { cluster } = this;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        for (const event of ['ready', 'end']) cluster.off(event, done);
        resolve();
      };
      const timer = setTimeout(done, OPEN_MAX_MS);
      for (const event of ['ready', 'end']) cluster.once(event, done);
    });
    await Promise.race([Promise.all(this.masters().map(isUp)), sleep(OPEN_MAX_MS, null, { ref: false })]);
  }

  /** Awaits a command, redirections included; whatever goes wrong becomes a coded error. */
  run<T>(command: Promise<T>): Promise<T> {
    return this.#deadlines.run(command, this.#coded);
  }

  /** What to say of a store that a later release wrote. */
  later(cause?: unknown): StoreFormatError {
    return new StoreFormatError(
      `the store in the Redis Cluster at ${this.#nodes.join(', ')} was written by a later release; upgrade this ` +
        `process, until then it works without it`,
      { cause },
    );
  }

  masters(): readonly Redis[] {
    return this.cluster.nodes('master');
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  readonly #coded = (cause: unknown): Error => {
    if (cause instanceof Error && cause.message.includes('TIDEMARK_LATER')) return this.later(cause);
    const error = cause instanceof Error ? cause : this.#lastError;
    return new StoreUnavailableError(
      `Redis Cluster at ${this.#nodes.join(', ')} did not do it: ${error?.message ?? String(cause)}; reads and ` +
        `writes go on without it, check that the shard is up and reachable`,
      { cause, unanswered: cause instanceof NoAnswerError },
    );
  };

  async #close(): Promise<void> {
    this.#deadlines.close();
    this.leases.close();
    if (this.cluster.status === 'end') return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#commandTimeoutMs);
      this.cluster.once('end', () => {
        clearTimeout(timer);
        resolve();
      });
      this.cluster.disconnect();
    });
  }
}

function isUp(node: Redis): Promise<void> {
  if (node.status === 'ready' || node.status === 'end') return Promise.resolve();
  return new Promise((resolve) => {
    node.once('ready', resolve);
    node.once('end', resolve);
  });
}
