/** A process of a service: one real node with its own connections, readers, writers, and a history file. */
import { noTelemetry, startNode, type Store } from '@tidemark/core';
import { natsBus } from '@tidemark/nats';
import { postgresSource } from '@tidemark/postgres';
import { redisStore } from '@tidemark/redis';
import { breakRule, overlay } from './break-rules.ts';
import type { ChildSettings, FromChild, ToChild } from './child-messages.ts';
import { items } from './items.ts';
import { NodeWorkload } from './node-workload.ts';
import { Recorder } from './recorder.ts';
import { tierEntries } from './tiers.ts';

/** Much less than the keys of a run, so that the shared tier is asked often. */
const L1_ENTRIES_MAX = 60;
const COUNTS_EVERY_MS = 250;
const STATEMENT_TIMEOUT_MS = 3_000;

const settings = JSON.parse(process.env['TIDEMARK_CHAOS']!) as ChildSettings;
const tell = (message: FromChild): void => void process.send?.(message, () => {});
process.on('disconnect', () => process.exit(1));

const recorder = new Recorder(settings.history);
const source = postgresSource({
  connectionString: settings.postgres,
  poolMax: 16,
  connectTimeoutMs: 2_000,
  statementTimeoutMs: STATEMENT_TIMEOUT_MS,
});
const redis = await redisStore({ url: settings.redis });
const nats = await natsBus({
  source: 'chaos',
  region: settings.region,
  servers: Object.fromEntries(Object.entries(settings.nats).map(([id, url]) => [id, { servers: url }])),
});

let dieAfterCommit = false;
/** Highest version of each key that the store took from this process. */
const told = new Map<string, number>();
const observed: Store = overlay(redis, {
  async raise(invalidations) {
    // A writer's first step after its commit: here it dies, and nobody was told.
    if (dieAfterCommit) process.kill(process.pid, 'SIGKILL');
    await redis.raise(invalidations);
    for (const { key, version } of invalidations) told.set(key, Math.max(version.n, told.get(key) ?? 0));
  },
});
const { store, bus } = breakRule(settings.broken, observed, nats);
const node = await startNode({
  keyspaces: [items],
  store,
  bus,
  source,
  l1EntriesMax: L1_ENTRIES_MAX,
  loadTimeout: '5s',
  leaseWait: '1s',
  pingInterval: 500,
  sessionSecrets: ['chaos-has-no-secrets'],
  telemetry: {
    ...noTelemetry,
    record(event) {
      if (event.type === 'role') tell({ told: 'role', role: event.role, leading: event.leading });
    },
  },
});
const workload = new NodeWorkload(
  node,
  settings,
  recorder,
  { told: (key, n) => (told.get(key) ?? 0) >= n },
  (id, token) => tell({ told: 'session', id, token }),
);
const counting = setInterval(() => {
  const { stalenessBoundMs } = node.stats();
  const boundMs = Number.isFinite(stalenessBoundMs) ? stalenessBoundMs : null;
  tell({ told: 'counts', ...workload.counts, boundMs });
}, COUNTS_EVERY_MS);

async function obey(message: ToChild): Promise<void> {
  switch (message.tell) {
    case 'begin':
      return workload.start();
    case 'session':
      return workload.take(message.id, message.token);
    case 'die-after-commit':
      dieAfterCommit = true;
      return;
    case 'quiet':
      await workload.stop();
      return tell({ told: 'quiet' });
    case 'entries':
      try {
        const keys = message.withReads ? settings.keys : null;
        tell({ told: 'entries', entries: await tierEntries(node, store, keys), failed: null });
      } catch (error) {
        tell({ told: 'entries', entries: [], failed: String(error) });
      }
      return;
    case 'end':
      clearInterval(counting);
      await node.close();
      await Promise.all([nats.close(), redis.close(), source.close()]);
      recorder.close();
      process.removeAllListeners('disconnect');
      process.disconnect();
  }
}
process.on('message', (message: ToChild) => void obey(message));
tell({ told: 'ready' });
