// async-cache-dedupe: one storage, in memory or in Redis.
import { createCache } from 'async-cache-dedupe';
import { Redis } from 'ioredis';
import { clientOptions, connected } from './client-options.mjs';

export async function open({ redisPort, l1, entriesMax, ttlMs, tuned }, load) {
  const client = l1 ? null : new Redis(redisPort, '127.0.0.1', clientOptions(tuned));
  if (client) await connected(client);
  const cache = createCache({
    ttl: Math.ceil(ttlMs / 1_000),
    stale: 0,
    storage: client
      ? { type: 'redis', options: { client } }
      : { type: 'memory', options: { size: entriesMax } },
  });
  cache.define('dedupe', async (id) => load(id));
  return {
    get: (id) => cache.dedupe(id),
    invalidate: (id) => cache.clear('dedupe', id),
    async close() {
      client?.disconnect();
    },
  };
}
