/** Reads a row that is past its TTL, begins to load it under the lease, says so, and hangs; its parent kills it. */
import { keyspace, startNode } from '@tidemark/core';
import { memorySource } from '@tidemark/memory';
import { redisStore } from '../src/index.ts';

const { url, namespace, leaseMs } = JSON.parse(process.env['REGION']!) as {
  readonly url: string;
  readonly namespace: string;
  readonly leaseMs: number;
};
const rows = keyspace({
  name: 'row',
  params: { id: 'int' },
  ttl: '1m',
  staleWhileRevalidate: '2m',
  load: () => {
    process.stdout.write('loading\n');
    return new Promise<string>(() => {});
  },
});
const store = await redisStore({ url, namespace });
const node = await startNode({ keyspaces: [rows], store, source: memorySource(), loadTimeout: leaseMs });
process.stdout.write(`${await node.get(rows, { id: 1 })}\n`);
setInterval(() => node.stats(), 1_000);
