import { claimPort } from './ports.ts';
import { startRedis } from './redis.ts';
import { redisSays, REPLICATION_ARGS, until, untilReplicated } from './redis-replica.ts';
import type { Server } from './server.ts';

const SLOTS = 16_384;
const NODE_TIMEOUT_MS = 1_000;

/** A master and its replicas, as they were started. */
export interface RedisShard {
  readonly master: Server;
  readonly replicas: readonly Server[];
}

/** A real Redis Cluster. */
export interface RedisClusterServers extends AsyncDisposable {
  readonly shards: readonly RedisShard[];
  readonly urls: readonly string[];
  close(): Promise<void>;
}

export interface RedisClusterShape {
  /** Default 3. */
  readonly masters?: number;
  /** Default 1. */
  readonly replicasPerMaster?: number;
}

interface ClusterNode {
  readonly server: Server;
  readonly busPort: number;
  release(): Promise<void>;
}

/** Starts a cluster whose slots are spread evenly; a shard that is down leaves the others up. */
export async function startRedisCluster({
  masters = 3,
  replicasPerMaster = 1,
}: RedisClusterShape = {}): Promise<RedisClusterServers> {
  const count = masters * (1 + replicasPerMaster);
  const nodes = await Promise.all(Array.from({ length: count }, startNode));
  const close = async (): Promise<void> => {
    await Promise.all(nodes.map(({ server }) => server.close()));
    await Promise.all(nodes.map((node) => node.release()));
  };
  try {
    const shards = await form(nodes, masters);
    const urls = nodes.map(({ server }) => server.url);
    return { shards, urls, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startNode(): Promise<ClusterNode> {
  const bus = await claimPort();
  const args = [
    ...REPLICATION_ARGS,
    ...['--cluster-enabled', 'yes', '--cluster-port', String(bus.port)],
    ...['--cluster-node-timeout', String(NODE_TIMEOUT_MS), '--cluster-replica-validity-factor', '0'],
    ...['--cluster-require-full-coverage', 'no', '--cluster-allow-replica-migration', 'no'],
  ];
  const server = await startRedis({ args });
  return { server, busPort: bus.port, release: () => bus.release() };
}

async function form(nodes: readonly ClusterNode[], masters: number): Promise<RedisShard[]> {
  const [first, ...others] = nodes;
  await Promise.all(
    nodes.map(({ server: { port } }, i) => redisSays(port, `CLUSTER SET-CONFIG-EPOCH ${i + 1}`)),
  );
  for (const { server, busPort } of others) {
    await redisSays(first!.server.port, `CLUSTER MEET 127.0.0.1 ${server.port} ${busPort}`);
  }
  const shards: { master: Server; replicas: Server[] }[] = [];
  for (let i = 0; i < masters; i += 1) {
    const from = Math.floor((SLOTS * i) / masters);
    const to = Math.floor((SLOTS * (i + 1)) / masters) - 1;
    const master = nodes[i]!.server;
    await redisSays(master.port, `CLUSTER ADDSLOTSRANGE ${from} ${to}`);
    shards.push({ master, replicas: [] });
  }
  for (const [i, { server }] of nodes.slice(masters).entries()) {
    const shard = shards[i % masters]!;
    const id = (await redisSays(shard.master.port, 'CLUSTER MYID')).split('\r\n')[1]!;
    // The node must have heard of its master first.
    await until(async () => (await redisSays(server.port, `CLUSTER REPLICATE ${id}`)).startsWith('+OK'));
    shard.replicas.push(server);
  }
  await Promise.all(shards.flatMap(({ replicas }) => replicas.map(untilReplicated)));
  await Promise.all(
    nodes.map(({ server: { port } }) =>
      until(async () => {
        const info = await redisSays(port, 'CLUSTER INFO');
        return (
          info.includes('cluster_state:ok') &&
          info.includes(`cluster_known_nodes:${nodes.length}`) &&
          info.includes(`cluster_slots_ok:${SLOTS}`)
        );
      }),
    ),
  );
  return shards;
}
