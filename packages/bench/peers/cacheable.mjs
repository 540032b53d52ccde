// cacheable: memory and any Keyv store; Redis by @keyv/redis, which is node-redis.
import { createKeyv } from '@keyv/redis';
import { Cacheable, KeyvCacheableMemory } from 'cacheable';
import { Keyv } from 'keyv';

export async function open({ redisPort, l1, entriesMax, ttlMs }, load) {
  const secondary = redisPort === null ? undefined : createKeyv(`redis://127.0.0.1:${redisPort}`);
  secondary?.on('error', () => {});
  const memory = new Keyv({ store: new KeyvCacheableMemory({ ttl: ttlMs, lruSize: entriesMax }) });
  const cache = new Cacheable({
    ttl: ttlMs,
    primary: l1 ? memory : secondary,
    ...(l1 && secondary && { secondary }),
  });
  return {
    get: (id) => cache.getOrSet(`cacheable:${id}`, () => load(id), { ttl: ttlMs }),
    getMany: (ids) => cache.getMany(ids.map((id) => `cacheable:${id}`)),
    invalidate: (id) => cache.delete(`cacheable:${id}`),
    close: () => cache.disconnect().catch(() => {}),
  };
}
