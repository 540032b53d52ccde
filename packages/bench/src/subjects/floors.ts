import { Redis } from 'ioredis';
import { LRUCache } from 'lru-cache';
import type { Load, Subject, SubjectOptions } from '../subject.ts';

/** Names that callers would have at hand. */
function keyNames(): (id: number) => string {
  const names: string[] = [];
  return (id) => (names[id] ??= `product:${id}`);
}

/** The container underneath an L1. */
export async function openLruCache({ entriesMax, ttlMs }: SubjectOptions, load: Load): Promise<Subject> {
  const cache = new LRUCache<string, object>({ max: entriesMax, ttl: ttlMs, ttlResolution: 1 });
  const nameOf = keyNames();
  return {
    async get(id) {
      const known = cache.get(nameOf(id));
      if (known !== undefined) return known;
      const value = (await load(id)) as object;
      cache.set(nameOf(id), value);
      return value;
    },
    peek: (id) => cache.get(nameOf(id)),
    async close() {},
  };
}

/** The client underneath an L2: a `GET` and `JSON.parse`, no cache at all. */
export async function openRawRedis(
  { redisPort, ttlMs }: SubjectOptions,
  load: Load,
  enableAutoPipelining = false,
): Promise<Subject> {
  const redis = new Redis(redisPort!, '127.0.0.1', { enableAutoPipelining });
  const nameOf = keyNames();
  const decode = (text: string | null): unknown => (text === null ? undefined : JSON.parse(text));
  return {
    async get(id) {
      const name = nameOf(id);
      const known = decode(await redis.get(name));
      if (known !== undefined) return known;
      const value = await load(id);
      await redis.set(name, JSON.stringify(value), 'PX', ttlMs);
      return value;
    },
    async getMany(ids) {
      const texts = await redis.mget(ids.map(nameOf));
      return texts.map(decode);
    },
    async close() {
      redis.disconnect();
    },
  };
}
