// layered-loader: in-memory and Redis caches, a Redis pub/sub for invalidations.
import { createNotificationPair, Loader, RedisCache } from 'layered-loader';
import { Redis } from 'ioredis';
import { clientOptions, connected } from './client-options.mjs';

export async function open({ redisPort, l1, bus, entriesMax, ttlMs, tuned }, load) {
  const clients = [];
  const client = async () => {
    const redis = new Redis(redisPort, '127.0.0.1', clientOptions(tuned));
    clients.push(redis);
    await connected(redis);
    return redis;
  };
  const pair = bus
    ? createNotificationPair({
        channel: 'bench',
        publisherRedis: await client(),
        consumerRedis: await client(),
      })
    : {};
  const loader = new Loader({
    ...(l1 && { inMemoryCache: { cacheType: 'lru-object', ttlInMsecs: ttlMs, maxItems: entriesMax } }),
    ...(redisPort !== null && {
      asyncCache: new RedisCache(await client(), { json: true, ttlInMsecs: ttlMs, prefix: 'layered-loader' }),
    }),
    ...(pair.publisher && { notificationConsumer: pair.consumer, notificationPublisher: pair.publisher }),
    dataSources: [{ name: 'rows', get: (key) => load(Number(key)) }],
  });
  await loader.init();
  return {
    get: (id) => loader.get(String(id)),
    peek: (id) => loader.getInMemoryOnly(String(id)),
    invalidate: (id) => loader.invalidateCacheFor(String(id)),
    async close() {
      await loader.close().catch(() => {});
      for (const each of clients) each.disconnect();
    },
  };
}
