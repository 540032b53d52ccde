// cache-manager over keyv: memory, and Redis by @keyv/redis, which is node-redis.
import { createKeyv } from '@keyv/redis';
import { createCache } from 'cache-manager';
import { KeyvCacheableMemory } from 'cacheable';
import { Keyv } from 'keyv';

export async function open({ redisPort, l1, entriesMax, ttlMs }, load) {
  const stores = [];
  if (l1) stores.push(new Keyv({ store: new KeyvCacheableMemory({ ttl: ttlMs, lruSize: entriesMax }) }));
  if (redisPort !== null) stores.push(createKeyv(`redis://127.0.0.1:${redisPort}`));
  for (const each of stores) each.on('error', () => {});
  const cache = createCache({ ttl: ttlMs, stores });
  return {
    get: (id) => cache.wrap(`cache-manager:${id}`, () => load(id), ttlMs),
    getMany: (ids) => cache.mget(ids.map((id) => `cache-manager:${id}`)),
    invalidate: (id) => cache.del(`cache-manager:${id}`),
    close: () => cache.disconnect().catch(() => {}),
  };
}
