export { startNats } from './nats.ts';
export { startPostgres, type PostgresServer } from './postgres.ts';
export { type Proxy, type ProxyOptions, startProxy } from './proxy.ts';
export { startRedis } from './redis.ts';
export type { Server } from './server.ts';
