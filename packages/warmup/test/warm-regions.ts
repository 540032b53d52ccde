import {
  keyspace,
  type SourceOfTruth,
  startNode,
  type Store,
  systemRuntime,
  tag,
  type TidemarkNode,
} from '@tidemark/core';
import {
  type MemoryDb,
  memoryMesh,
  memorySource,
  type MemoryStore,
  memoryStore,
  type MemoryTx,
} from '@tidemark/memory';

export const rows = keyspace<{ id: 'int' }, { value: number }, MemoryDb>({
  name: 'row',
  params: { id: 'int' },
  load: ({ id }, { db }) => db.get(`row:${id}`),
  dependsOn: ({ id }) => (id === 7 ? [tag('seven')] : []),
  ttl: '1h',
});

export interface WarmRegions {
  /** Has the values; `eu` starts with none. */
  readonly us: TidemarkNode<MemoryTx>;
  readonly eu: TidemarkNode<MemoryTx>;
  readonly stores: { readonly us: MemoryStore; readonly eu: MemoryStore };
  readonly source: SourceOfTruth<MemoryDb, MemoryTx>;
  close(): Promise<void>;
}

/** Two regions over one source with `count` rows, all of them cached in `us`. */
export async function warmRegions(count: number): Promise<WarmRegions> {
  const runtime = systemRuntime;
  const source = memorySource({ runtime });
  const mesh = memoryMesh({ runtime, regions: ['us', 'eu'], delayMs: () => 1 });
  const stores = { us: memoryStore({ runtime }), eu: memoryStore({ runtime }) };
  const buses = { us: mesh.bus('us'), eu: mesh.bus('eu') };
  const start = (id: 'us' | 'eu'): Promise<TidemarkNode<MemoryTx>> =>
    startNode({ keyspaces: [rows], store: stores[id], bus: buses[id], source, pingInterval: 20 });
  const [us, eu] = [await start('us'), await start('eu')];
  for (let from = 0; from < count; from += 1_000) {
    await us.write(async (tx) => {
      for (let id = from; id < Math.min(count, from + 1_000); id += 1)
        await tx.set(`row:${id}`, { value: 0 });
    });
  }
  await initialised(stores.us);
  await initialised(stores.eu);
  const ids = Array.from({ length: count }, (_, id) => ({ id }));
  for (let at = 0; at < count; at += 500) await us.getMany(rows, ids.slice(at, at + 500));
  return {
    us,
    eu,
    stores,
    source,
    async close() {
      await Promise.all([us.close(), eu.close()]);
      await Promise.all([buses.us.close(), buses.eu.close()]);
      await source.close();
    },
  };
}

async function initialised(store: Store): Promise<void> {
  while (!(await store.read([])).meta) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** The store, with something happening after each read of values. */
export function interrupted(store: Store, then: (keys: readonly string[]) => Promise<void>): Store {
  return new Proxy(store, {
    get(target, name) {
      const found = Reflect.get(target, name) as unknown;
      if (name === 'read') {
        return async (keys: readonly string[]) => {
          const answer = await target.read(keys);
          if (keys.length > 0) await then(keys);
          return answer;
        };
      }
      return typeof found === 'function' ? (found.bind(target) as unknown) : found;
    },
  });
}
