import { StoreUnavailableError } from '@tidemark/core';
import { type Cluster, Redis } from 'ioredis';
import { LeaseChannels } from './lease-channels.ts';
import type { ResolvedRedisOptions } from './options.ts';

/**
 * Hears of leases that end on the masters of a cluster, over a connection to each on which anybody waits. A shard
 * channel is where its slot is: who waits when that moves is told by nobody any more, and asks.
 */
export class ClusterLeases {
  readonly #cluster: Cluster;
  readonly #options: ResolvedRedisOptions;
  readonly #byMaster = new Map<string, LeaseChannels>();

  constructor(cluster: Cluster, options: ResolvedRedisOptions) {
    this.#cluster = cluster;
    this.#options = options;
    cluster.on('-node', ({ options: { host, port } }: Redis) => this.#forget(`${host}:${port}`));
  }

  /**
   * Resolves, once no message can be missed, with what ends it.
   *
   * @param slot of the channel
   * @throws StoreUnavailableError when that takes longer than a command may, or nobody has the slot
   */
  async watch(channel: string, slot: number, ended: () => void): Promise<() => void> {
    const [master] = this.#cluster.slots[slot] ?? [];
    if (master === undefined) {
      throw new StoreUnavailableError(`no master of the Redis Cluster has slot ${slot}; check its state`);
    }
    return this.#channelsOf(master).watch(channel, ended);
  }

  close(): void {
    for (const channels of this.#byMaster.values()) channels.close();
    this.#byMaster.clear();
  }

  #channelsOf(master: string): LeaseChannels {
    const known = this.#byMaster.get(master);
    if (known) return known;
    const { redis, commandTimeoutMs } = this.#options;
    const colon = master.lastIndexOf(':');
    const [host, port] = [master.slice(0, colon), Number(master.slice(colon + 1))];
    const made = new LeaseChannels(
      () => new Redis({ ...redis, host, port, replyMapping: 'legacy' }),
      commandTimeoutMs,
    );
    this.#byMaster.set(master, made);
    return made;
  }

  #forget(node: string): void {
    this.#byMaster.get(node)?.close();
    this.#byMaster.delete(node);
  }
}
