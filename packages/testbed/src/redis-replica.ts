import { setTimeout as sleep } from 'node:timers/promises';
import { startRedis } from './redis.ts';
import type { Server } from './server.ts';
import { talk } from './talk.ts';

const POLL_MS = 20;
const WAIT_MAX_MS = 20_000;
/** Longer than any test. */
const HOLD_SECONDS = 100_000;

/** What a primary needs so that `holdReplication` works. */
export const REPLICATION_ARGS = [
  '--enable-debug-command',
  'local',
  '--repl-diskless-sync',
  'yes',
  '--repl-diskless-sync-delay',
  '0',
];

/** Starts a replica, which has all the primary's data when this resolves. */
export async function startRedisReplica(primary: Server): Promise<Server> {
  const replica = await startRedis({
    args: [...REPLICATION_ARGS, '--replicaof', primary.host, String(primary.port)],
  });
  await untilReplicated(replica);
  return replica;
}

/** Resolves when a replica's link to its primary is up. */
export async function untilReplicated({ port }: Server): Promise<void> {
  await until(async () => (await redisSays(port, 'INFO replication')).includes('master_link_status:up'));
}

/**
 * From now on nothing reaches a primary's replicas: their links are broken, and a full copy, the only way
 * back, waits forever. They keep what they have, and may be promoted.
 */
export async function holdReplication({ port }: Server): Promise<void> {
  await redisSays(port, `CONFIG SET repl-diskless-sync-delay ${HOLD_SECONDS}`);
  await redisSays(port, 'DEBUG CHANGE-REPL-ID');
  await redisSays(port, 'CLIENT KILL TYPE replica');
}

/** Makes a replica a primary, as it is. */
export async function promoteReplica({ port }: Server): Promise<void> {
  await redisSays(port, 'REPLICAOF NO ONE');
}

/** Sends one command; the first part of the answer. */
export async function redisSays(port: number, command: string): Promise<string> {
  const answer = (await talk(port, `${command}\r\n`)).toString();
  if (answer.startsWith('-')) throw new Error(`Redis on port ${port}, asked ${command}: ${answer}`);
  return answer;
}

/** Asks until the answer is yes. */
export async function until(ask: () => Promise<boolean>): Promise<void> {
  const untilMs = Date.now() + WAIT_MAX_MS;
  while (!(await ask().catch(() => false))) {
    if (Date.now() > untilMs) throw new Error(`waited ${WAIT_MAX_MS} ms in vain: ${ask.toString()}`);
    await sleep(POLL_MS);
  }
}
