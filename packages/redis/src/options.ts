import { ConfigurationError } from '@tidemark/core';
import type { RedisOptions } from 'ioredis';

export interface RedisStoreOptions {
  /** `redis://host:port`, or `rediss://` for TLS. */
  readonly url: string;
  /** Prefix of every key; several services may share a Redis. Default `tidemark`. */
  readonly namespace?: string;
  /** How long a record outlives its last raise or fill, ms. Default 10 minutes. */
  readonly tombstoneTtlMs?: number;
  /** After this a command counts as failed, ms. Default 250. */
  readonly commandTimeoutMs?: number;
  /** Further ioredis options, for example credentials and TLS. */
  readonly redis?: RedisOptions;
}

export interface ResolvedRedisOptions {
  readonly url: string;
  readonly namespace: string;
  readonly tombstoneTtlMs: number;
  readonly commandTimeoutMs: number;
  readonly redis: RedisOptions;
}

/** @throws ConfigurationError naming the option that is wrong */
export function resolveRedisOptions(options: RedisStoreOptions): ResolvedRedisOptions {
  const namespace = options.namespace ?? 'tidemark';
  if (!/^[\w.:-]{1,64}$/.test(namespace)) {
    throw new ConfigurationError(
      `redis namespace ${JSON.stringify(namespace)}: use letters, digits and _ . : -`,
    );
  }
  const commandTimeoutMs = options.commandTimeoutMs ?? 250;
  const tombstoneTtlMs = options.tombstoneTtlMs ?? 600_000;
  for (const [name, value] of Object.entries({ commandTimeoutMs, tombstoneTtlMs })) {
    if (!Number.isInteger(value) || value < 1)
      throw new ConfigurationError(`redis ${name}: ${value} is not a positive integer`);
  }
  return {
    url: options.url,
    namespace,
    tombstoneTtlMs,
    commandTimeoutMs,
    redis: {
      // A store that is away must say so at once; what it missed, the resync brings.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      commandTimeout: commandTimeoutMs,
      connectTimeout: Math.max(1_000, commandTimeoutMs),
      socketTimeout: Math.max(2_000, commandTimeoutMs * 4),
      retryStrategy: (attempt) =>
        Math.min(1_000, 25 * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2),
      ...options.redis,
    },
  };
}
