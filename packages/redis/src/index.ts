export type { Held, RecordFacts, RedisDiagnostics, RedisKeyFacts, RedisServerFacts } from './diagnostics.ts';
export type { RecordForm } from './record-form.ts';
export { type RedisClusterOptions, redisClusterStore } from './cluster-store.ts';
export type { RedisStoreOptions } from './options.ts';
export { RedisStore, redisStore } from './redis-store.ts';
