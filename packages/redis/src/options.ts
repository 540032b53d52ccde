import { ConfigurationError } from '@tidemark/core';
import type { RedisOptions } from 'ioredis';

/** Options of ioredis that the store decides itself, because its promises depend on them. */
type Decided =
  | 'autoResendUnfulfilledCommands'
  | 'commandTimeout'
  | 'enableAutoPipelining'
  | 'enableOfflineQueue'
  | 'keyPrefix'
  | 'maxRetriesPerRequest'
  | 'replyMapping'
  | 'stringNumbers';

export interface RedisStoreOptions {
  /** `redis://host:port`, or `rediss://` for TLS. */
  readonly url: string;
  /** Prefix of every key; several sources may share a Redis. Default `tidemark`. */
  readonly namespace?: string;
  /**
   * How long a record outlives its last raise or fill, ms. Default 10 minutes. Must be more than
   * twice the longest load; the same in all processes of a region.
   */
  readonly tombstoneTtlMs?: number;
  /**
   * Values with more bytes than this lie under keys of their own: a second round trip for readers, and a fraction
   * of the work of a fill for Redis. Default 131,072. May differ between processes.
   */
  readonly inlineBytesMax?: number;
  /** After this a command counts as failed, ms. Default 250. */
  readonly commandTimeoutMs?: number;
  /** Called for data under the store's keys that it can't read and treats as absent. Must not throw. */
  readonly onUnreadable?: (redisKey: string) => void;
  /** Further ioredis options, for example credentials, TLS and sentinels. */
  readonly redis?: Omit<RedisOptions, Decided>;
}

export interface ResolvedRedisOptions {
  readonly url: string;
  readonly namespace: string;
  readonly tombstoneTtlMs: number;
  readonly inlineBytesMax: number;
  readonly commandTimeoutMs: number;
  readonly onUnreadable: (redisKey: string) => void;
  readonly redis: RedisOptions;
}

/** Beyond it a second round trip is lost in the transfer, and a fill would hold Redis up for a third of a millisecond. */
const INLINE_BYTES_MAX = 131_072;
const RETRY_FIRST_MS = 25;
const RETRY_MAX_MS = 1_000;
/** A hung server never closes its side. Short, since ioredis keeps the timer for closed sockets too. */
const DISCONNECT_TIMEOUT_MS = 100;

/** @throws ConfigurationError naming the option that is wrong */
export function resolveRedisOptions(options: RedisStoreOptions): ResolvedRedisOptions {
  const { url, namespace = 'tidemark', tombstoneTtlMs = 600_000, commandTimeoutMs = 250 } = options;
  // No colon: `<namespace>:role:<name>` of one must not be a key of another.
  if (!/^[\w.-]{1,64}$/.test(namespace)) {
    throw new ConfigurationError(
      `redis namespace ${JSON.stringify(namespace)}: use 1 to 64 letters, digits and _ . -`,
    );
  }
  for (const [name, value] of Object.entries({ commandTimeoutMs, tombstoneTtlMs })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new ConfigurationError(`redis ${name}: ${value} is not a whole number of milliseconds from 1`);
    }
  }
  const { inlineBytesMax = INLINE_BYTES_MAX } = options;
  if (!Number.isSafeInteger(inlineBytesMax) || inlineBytesMax < 0) {
    throw new ConfigurationError(
      `redis inlineBytesMax: ${inlineBytesMax} is not a whole number of bytes from 0`,
    );
  }
  return {
    url,
    namespace,
    tombstoneTtlMs,
    inlineBytesMax,
    commandTimeoutMs,
    onUnreadable: options.onUnreadable ?? (() => {}),
    redis: {
      connectTimeout: Math.max(1_000, commandTimeoutMs),
      disconnectTimeout: DISCONNECT_TIMEOUT_MS,
      socketTimeout: Math.max(2_000, commandTimeoutMs * 4),
      retryStrategy: (attempt) =>
        Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2),
      // A primary that was demoted under this connection: look for the new one.
      reconnectOnError: ({ message }) => message.startsWith('READONLY'),
      ...options.redis,
      // A store that is away must say so at once, and never repeat a command later on.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      commandTimeout: commandTimeoutMs,
    },
  };
}
