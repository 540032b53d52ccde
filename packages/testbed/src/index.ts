export { startNats } from './nats.ts';
export { startPostgres, type PostgresServer } from './postgres.ts';
export type { PostgresBackup, RestoreOptions } from './postgres-backup.ts';
export { type PostgresStandby, startPostgresStandby } from './postgres-standby.ts';
export { type Proxy, type ProxyOptions, startProxy } from './proxy.ts';
export { startRedis } from './redis.ts';
export type { Server } from './server.ts';
