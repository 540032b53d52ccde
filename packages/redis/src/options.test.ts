import { ConfigurationError } from '@tidemark/core';
import { expect, it } from 'vitest';
import { resolveRedisOptions } from './options.ts';

const url = 'redis://127.0.0.1:6379';

it.each([
  { namespace: '' },
  { namespace: 'a:b' },
  { namespace: 'a{b' },
  { tombstoneTtlMs: 0 },
  { tombstoneTtlMs: 1.5 },
  { inlineBytesMax: -1 },
  { inlineBytesMax: 0.5 },
  { commandTimeoutMs: Number.POSITIVE_INFINITY },
])('%o is refused', (options) => {
  expect(() => resolveRedisOptions({ url, ...options })).toThrow(ConfigurationError);
});

it('what the promises of the store depend on can not be overridden', () => {
  const redis = { enableOfflineQueue: true, commandTimeout: 5_000, connectTimeout: 7_000 } as object;
  expect(resolveRedisOptions({ url, redis }).redis).toMatchObject({
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 250,
    connectTimeout: 7_000,
  });
});

it('retries come at random moments and never further apart than a second', () => {
  const { retryStrategy } = resolveRedisOptions({ url }).redis;
  for (let attempt = 1; attempt < 200; attempt += 1) {
    const delay = Number(retryStrategy!(attempt));
    expect(delay > 0 && delay <= 1_000).toBe(true);
  }
});
