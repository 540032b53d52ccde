import { ConfigurationError, type PartitionedStore, partitionedStore } from '@tidemark/core';
import { ClusterConnection } from './cluster-connection.ts';
import { ClusterPartition } from './cluster-partition.ts';
import { type RedisStoreOptions, resolveRedisOptions } from './options.ts';
import { RedisStore } from './redis-store.ts';

const PARTITIONS = 16;
const PARTITIONS_MAX = 256;

export interface RedisClusterOptions extends Omit<RedisStoreOptions, 'url'> {
  /** `redis://host:port` of one or more nodes; the others are found through them. */
  readonly nodes: readonly string[];
  /**
   * Partitions of the store, 1 to 256; each lies in one slot. Default 16; a few for each shard spread the
   * keys evenly. The same in all processes of a region. Another number is another store, which starts empty.
   */
  readonly partitions?: number;
}

/**
 * Connects to a region's Redis Cluster. Each partition has its own records, position and life in one slot,
 * so that a shard that fails, goes back or is emptied concerns only its own keys. Resolves also when the
 * cluster can't be reached yet: the store then rejects until it is there.
 *
 * @throws ConfigurationError for options that can't work
 */
export async function redisClusterStore({
  nodes,
  partitions = PARTITIONS,
  ...options
}: RedisClusterOptions): Promise<PartitionedStore> {
  const [url] = nodes;
  if (url === undefined) throw new ConfigurationError('redis cluster: nodes is empty; give at least one url');
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > PARTITIONS_MAX) {
    throw new ConfigurationError(
      `redis cluster: partitions must be a whole number from 1 to ${PARTITIONS_MAX}, got ${partitions}`,
    );
  }
  const resolved = resolveRedisOptions({ url, ...options });
  const connection = new ClusterConnection(nodes, resolved);
  const stores = Array.from({ length: partitions }, (_, partition) => {
    // The number of partitions is part of the name: processes that disagree share nothing.
    const namespace = `${resolved.namespace}:{${partition}/${partitions}}`;
    return new RedisStore({ ...resolved, namespace }, new ClusterPartition(connection, `${namespace}:meta`));
  });
  await connection.opened();
  return partitionedStore(stores, () => connection.close());
}
