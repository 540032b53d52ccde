import { keyspace, type NodeOptions, startNode } from '@tidemark/core';
import { natsBus } from '@tidemark/nats';
import { otelTelemetry } from '@tidemark/otel';
import { startSdk } from '@tidemark/otel-sdk';
import { postgresSource } from '@tidemark/postgres';
import { redisStore } from '@tidemark/redis';
import type { Load, Subject, SubjectOptions } from '../subject.ts';
import { BY_ID } from './row-keys.ts';

interface Closable {
  close(): Promise<void>;
}

/** With the guarantees that the options ask for; without versions, leases alone protect fills. */
export async function openTidemark(
  options: SubjectOptions,
  load: Load,
  observed: 'api' | 'sdk' | null = null,
  keys = BY_ID,
): Promise<Subject> {
  const { redisPort, l1, entriesMax, ttlMs, coherence } = options;
  const rows = keyspace({
    name: 'product',
    params: keys.types,
    ttl: ttlMs,
    load: (params) => load(keys.idOf(params)),
    loadMany: (all) => Promise.all(all.map((params) => load(keys.idOf(params)))),
  });
  const opened: Closable[] = [];
  const add = <T extends Closable>(each: T): T => {
    opened.unshift(each);
    return each;
  };
  if (observed === 'sdk') {
    const sdk = await startSdk({ service: 'bench', prometheus: { port: 0 } });
    add({ close: () => sdk.stop() });
  }
  const parts: Partial<NodeOptions> = {
    ...(observed !== null && { telemetry: otelTelemetry({ region: 'bench', node: 'bench-1' }) }),
    ...(redisPort !== null && { store: add(await redisStore({ url: `redis://127.0.0.1:${redisPort}` })) }),
    ...(coherence && { source: add(postgresSource({ connectionString: coherence.postgresUrl })) }),
    ...(coherence &&
      l1 && {
        bus: add(
          await natsBus({
            source: 'bench',
            region: 'bench',
            servers: { bench: { servers: coherence.natsUrl } },
          }),
        ),
      }),
  };
  const node = add(await startNode({ keyspaces: [rows], l1EntriesMax: entriesMax, ...parts } as NodeOptions));
  return {
    get: (id) => node.get(rows, keys.of(id)),
    peek: (id) => node.peek(rows, keys.of(id)),
    getMany: (ids) => node.getMany(rows, ids.map(keys.of)),
    async invalidate(id) {
      await node.write(async (tx) => tx.bump(rows, keys.of(id)));
    },
    async close() {
      for (const each of opened) await each.close();
    },
  };
}
