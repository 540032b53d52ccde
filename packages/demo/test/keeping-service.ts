import { type SqlExecutor, startNode, type TidemarkNode } from '@tidemark/core';
import { postgresSource } from '@tidemark/postgres';
import { redisStore } from '@tidemark/redis';
import { cities } from '../src/city.ts';
import type { RunningDemo } from './running-demo.ts';

/** A service beside the demo's, in its home region, which keeps earlier values. */
export interface KeepingService {
  nameOf(id: number): Promise<string>;
  close(): Promise<void>;
}

export async function keepingService(demo: RunningDemo): Promise<KeepingService> {
  const { redis, postgres } = await demo.endpoints('us-east');
  const kept = { ...cities, retain: 3 };
  const store = await redisStore({ url: redis, namespace: 'cities' });
  const source = postgresSource({ connectionString: postgres });
  const node: TidemarkNode<SqlExecutor> = await startNode({ keyspaces: [kept], store, source });
  return {
    async nameOf(id) {
      return (await node.get(kept, { id }))!.name;
    },
    async close() {
      await node.close();
      await store.close();
      await source.close();
    },
  };
}
