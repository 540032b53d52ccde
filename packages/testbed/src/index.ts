export { startNats } from './nats.ts';
export { type PrometheusOptions, startPrometheus } from './prometheus.ts';
export { startPostgres, type PostgresServer } from './postgres.ts';
export type { PostgresBackup, RestoreOptions } from './postgres-backup.ts';
export { type PostgresStandby, startPostgresStandby } from './postgres-standby.ts';
export { type Proxy, type ProxyOptions, startProxy } from './proxy.ts';
export {
  byId,
  type RegionEndpoints,
  type RegionFilesOptions,
  type RegionServers,
  startRegionServers,
  writeRegionFiles,
} from './region-servers.ts';
export { startRedis } from './redis.ts';
export type { Server } from './server.ts';
export {
  type RedisClusterServers,
  type RedisClusterShape,
  type RedisShard,
  startRedisCluster,
} from './redis-cluster.ts';
export { holdReplication, promoteReplica, startRedisReplica } from './redis-replica.ts';
export { makeTempDir, removeTempDir } from './temp-dir.ts';
export { watchProcess } from './watchdog.ts';
