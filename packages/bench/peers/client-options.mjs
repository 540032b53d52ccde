import { once } from 'node:events';

/** What users with an eye on failures would choose for ioredis: nothing waits for a connection. */
export function clientOptions(tuned) {
  if (!tuned) return {};
  return { enableOfflineQueue: false, maxRetriesPerRequest: 0, commandTimeout: 250, connectTimeout: 1_000 };
}

/** Without an offline queue the first commands need a connection. */
export async function connected(redis) {
  redis.on('error', () => {});
  if (redis.status !== 'ready') await once(redis, 'ready');
}
