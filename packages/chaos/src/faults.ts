import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type JetStreamManager } from 'nats';
import { Redis } from 'ioredis';
import type { FaultLine } from '@tidemark/checkers';
import { machineMs } from './clock.ts';
import type { Fleet, Member } from './fleet.ts';
import type { FaultKind, PlannedFault } from './plan.ts';
import type { Topology } from './topology.ts';

const OVERRUN_CUT_MS = 900;
const HELD_APPLIER_MS = 600;
const DIE_MAX_MS = 5_000;
/** Of Postgres: restarting; of sockets, and of the NATS client. */
const REFUSED: ReadonlySet<string> = new Set([
  '57P03',
  '57P01',
  'ECONNREFUSED',
  'ECONNRESET',
  'CONNECTION_REFUSED',
]);

interface World {
  readonly topology: Topology;
  readonly fleet: Fleet;
}

/** What a fault touched, for those who judge the history. */
type Effects = Pick<FaultLine, 'sourceAway' | 'processes' | 'rolledBack'> & { readonly sinceMs?: number };
type Injection = (world: World, fault: PlannedFault) => Promise<Effects>;

/**
 * Does what the plan says, heals it, and resolves with the line for the history; null when the server that it is for is
 * away by an earlier fault: on a busy machine some take longer to heal than planned.
 */
export async function inject(world: World, fault: PlannedFault): Promise<FaultLine | null> {
  const beganMs = machineMs();
  const done = await INJECTIONS[fault.kind](world, fault).catch((error: unknown) => {
    if (REFUSED.has(String((error as { code?: unknown } | null)?.code))) return null;
    throw error;
  });
  if (!done) return null;
  const { sinceMs, ...effects } = done;
  const { kind, region, peer, node } = fault;
  const target = `${region}-${node}, ${peer}`;
  return { type: 'fault', kind, target, startMs: sinceMs ?? beganMs, endMs: machineMs(), ...effects };
}

const INJECTIONS: Readonly<Record<FaultKind, Injection>> = {
  async 'node-killed'({ fleet }, { region, node }) {
    const member = fleet.node(region, node);
    const processes = [member.process];
    await fleet.kill(member);
    await fleet.spawn(member);
    return { processes };
  },

  async 'writer-killed'({ fleet }, { region, node }) {
    const member = fleet.node(region, node);
    const processes = [member.process];
    const { child } = member;
    member.doomed = true;
    if (child) {
      const died = once(child, 'exit');
      member.send({ tell: 'die-after-commit' });
      // While Postgres is out of its reach it commits nothing.
      await Promise.race([died, sleep(DIE_MAX_MS)]);
    }
    await fleet.kill(member);
    await fleet.spawn(member);
    return { processes };
  },

  'node-stopped': ({ fleet }, { region, node, lengthMs }) => stopped([fleet.node(region, node)], lengthMs),

  'role-holder-stopped'({ fleet }, { region, lengthMs, heads }) {
    const holder = heads
      ? fleet.nodes.find(({ roles }) => roles.has('relay'))
      : fleet.nodes.find((member) => member.region === region && member.roles.has('applier'));
    return stopped([holder ?? fleet.node(region, 1)], lengthMs);
  },

  async 'redis-stopped'({ topology }, { region, lengthMs }) {
    const { redis } = topology.servers.get(region)!;
    redis.pause();
    await sleep(lengthMs);
    redis.resume();
    return {};
  },

  async 'redis-emptied'({ topology }, { region }) {
    await withRedis(topology, region, (redis) => redis.flushall());
    return {};
  },

  async 'redis-restarted-empty'({ topology }, { region, lengthMs }) {
    const { redis } = topology.servers.get(region)!;
    await redis.kill();
    await redis.wipe();
    await sleep(lengthMs / 2);
    await redis.start();
    return {};
  },

  /**
   * Heads: in place, its connections stay; and for every other node that is drawn, while the applier hangs.
   * Tails: killed, and restarted from a dump.
   */
  async 'redis-rolled-back'({ topology, fleet }, { region, lengthMs, heads, node }) {
    const { redis } = topology.servers.get(region)!;
    await withRedis(topology, region, (client) => client.save());
    await sleep(lengthMs);
    const sinceMs = machineMs();
    if (!heads) {
      await redis.kill();
      await redis.start();
      return { rolledBack: region, sinceMs };
    }
    const appliers = fleet.nodes.filter((member) => member.region === region && member.roles.has('applier'));
    const holder = node === 1 ? appliers[0] : undefined;
    await withRedis(topology, region, async (client) => {
      holder?.child?.kill('SIGSTOP');
      await client.call('DEBUG', 'RELOAD', 'NOSAVE');
    });
    const rolledBack = { rolledBack: region, sinceMs };
    if (!holder) return rolledBack;
    return { ...rolledBack, ...(await stopped([holder], HELD_APPLIER_MS)) };
  },

  async 'nats-stopped'({ topology }, { region, lengthMs }) {
    const { nats } = topology.servers.get(region)!;
    nats.pause();
    await sleep(lengthMs);
    nats.resume();
    return {};
  },

  async 'nats-wiped'({ topology }, { region, lengthMs }) {
    const { nats } = topology.servers.get(region)!;
    await nats.kill();
    await nats.wipe();
    await sleep(lengthMs / 2);
    await nats.start();
    return {};
  },

  async 'stream-deleted'({ topology }, { region }) {
    await withStreams(topology, region, (manager, stream) => manager.streams.delete(stream));
    return {};
  },

  async 'stream-purged'({ topology }, { region }) {
    await withStreams(topology, region, (manager, stream) => manager.streams.purge(stream));
    return {};
  },

  /** What a region writes is dropped from its stream while another can't read it, for less than a silence. */
  async 'stream-overrun'({ topology, fleet }, { region, peer }) {
    const relay = fleet.nodes.find(({ roles }) => roles.has('relay'));
    const writer = relay?.region ?? region;
    const reader = writer === peer ? region : peer;
    const path = topology.path(reader, writer);
    path.cut('blackhole');
    await sleep(OVERRUN_CUT_MS);
    await withStreams(topology, writer, (manager, stream) => manager.streams.purge(stream));
    path.heal();
    return {};
  },

  /** Heads: from the source as well, where that is in another region. */
  async 'region-cut'({ topology }, { region, lengthMs, heads }) {
    const source = heads && region !== topology.home;
    const paths = [...topology.busPaths(region), ...(source ? [topology.path(region, 'source')] : [])];
    for (const path of paths) path.cut('blackhole');
    await sleep(lengthMs);
    for (const path of paths) path.heal();
    return source ? { sourceAway: [region] } : {};
  },

  async 'asymmetric-cut'({ topology }, { region, peer, lengthMs, heads }) {
    const path = topology.path(region, peer);
    path.cut(heads ? 'blackhole' : 'reset');
    await sleep(lengthMs);
    path.heal();
    return {};
  },

  async 'slow-link'({ topology }, { region, peer, lengthMs }) {
    const path = topology.path(region, peer);
    path.setDelay(topology.delayMs(region, peer) * 6);
    await sleep(lengthMs);
    path.setDelay(topology.delayMs(region, peer));
    return {};
  },

  async 'relay-moved'({ topology }) {
    await topology.admin.query(
      `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted`,
    );
    return {};
  },

  /** Heads: it crashes. Tails: it is stopped. */
  async 'postgres-restarted'({ topology: { postgres } }, { heads }) {
    await (heads ? postgres.kill() : postgres.stop());
    await postgres.start();
    return { sourceAway: 'all' };
  },
};

async function stopped(members: readonly Member[], lengthMs: number): Promise<Effects> {
  const processes = members.map(({ process }) => process);
  const children = members.map(({ child }) => child);
  for (const child of children) child?.kill('SIGSTOP');
  await sleep(lengthMs);
  for (const child of children) child?.kill('SIGCONT');
  return { processes };
}

async function withRedis(
  topology: Topology,
  region: string,
  work: (client: Redis) => Promise<unknown>,
): Promise<void> {
  const client = new Redis(topology.servers.get(region)!.redis.url);
  client.on('error', () => {}); // The command reports it.
  try {
    await work(client);
  } finally {
    client.disconnect();
  }
}

async function withStreams(
  topology: Topology,
  region: string,
  work: (manager: JetStreamManager, stream: string) => Promise<unknown>,
): Promise<void> {
  const connection = await connect({ servers: topology.servers.get(region)!.nats.url });
  try {
    const manager = await connection.jetstreamManager();
    // Nothing is there to lose while nobody appended since the last loss.
    await work(manager, `TM_chaos_${region}`).catch(() => {});
  } finally {
    await connection.close();
  }
}
