// BentoCache: memory and Redis layers, a Redis bus.
import { bentostore, BentoCache } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis';
import { Redis } from 'ioredis';
import { clientOptions, connected } from './client-options.mjs';

export async function open({ redisPort, l1, bus, entriesMax, ttlMs, tuned }, load) {
  const connection = redisPort === null ? null : new Redis(redisPort, '127.0.0.1', clientOptions(tuned));
  if (connection) await connected(connection);
  const store = bentostore();
  if (l1) store.useL1Layer(memoryDriver({ maxItems: entriesMax }));
  if (connection) store.useL2Layer(redisDriver({ connection }));
  if (bus) store.useBus(redisBusDriver({ connection: { host: '127.0.0.1', port: redisPort } }));
  const bento = new BentoCache({
    default: 'rows',
    ttl: ttlMs,
    suppressL2Errors: true,
    stores: { rows: store },
  });
  return {
    get: (id) => bento.getOrSet({ key: `bentocache:${id}`, factory: () => load(id) }),
    invalidate: (id) => bento.delete({ key: `bentocache:${id}` }),
    async close() {
      await bento.disconnectAll().catch(() => {});
      connection?.disconnect();
    },
  };
}
