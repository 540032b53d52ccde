import {
  type BreakerOptions,
  keyspace,
  type NodeOptions,
  startNode,
  type Store,
  systemRuntime,
  type TidemarkNode,
} from '@tidemark/core';
import { type MemoryDb, memoryMesh, memorySource, type MemoryTx } from '@tidemark/memory';
import { type Proxy as NetworkPath, type Server, startProxy, startRedis } from '@tidemark/testbed';
import { Redis } from 'ioredis';
import { vi } from 'vitest';
import { type RedisStore, redisStore, type RedisStoreOptions } from '../src/index.ts';

export const SOON = { timeout: 20_000, interval: 10 };
export const IDS = [1, 2, 3, 4] as const;
export const COMMAND_TIMEOUT_MS = 150;

export type Node = TidemarkNode<MemoryTx>;

/** Of the padding: large enough that a handful of values fills a small Redis. */
const PADDING = 'x'.repeat(20_000);

export const cities = keyspace({
  name: 'city',
  params: { id: 'int' },
  ttl: '1h',
  load: async ({ id }, { db }: { readonly db: MemoryDb }) => {
    const row = await db.get<{ readonly n: number }>(`city:${id}`);
    return row && { ...row, padding: PADDING };
  },
});

/** Commands that a node sends to its store, and how they ended. */
export class CountedStore {
  readonly store: Store;
  readonly sent = new Map<string, number>();
  failed = 0;

  constructor(store: RedisStore) {
    this.store = new Proxy(store, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        return (...args: readonly unknown[]): unknown => {
          this.sent.set(String(name), this.of(String(name)) + 1);
          const result: unknown = Reflect.apply(member, target, args);
          if (result instanceof Promise) result.catch(() => (this.failed += 1));
          return result;
        };
      },
    });
  }

  of(method: string): number {
    return this.sent.get(method) ?? 0;
  }

  get all(): number {
    return [...this.sent.values()].reduce((sum, n) => sum + n, 0);
  }
}

/** One process of a region: what it sends to Redis is counted. */
export interface Member {
  readonly node: Node;
  readonly commands: CountedStore;
  /** Names of what the engine recorded. */
  readonly events: Map<string, number>;
}

export interface RedisRegion {
  readonly redis: Server;
  readonly path: NetworkPath;
  /** Past the network path, for faults. */
  readonly admin: Redis;
  /** Without a bus: no L1, so that every read is Redis or a load. */
  readonly writer: Member;
  readonly reader: Member;
  /** Another process, with a bus, and so with an L1. */
  join(): Promise<Member>;
  /** Writes, by the writer; resolves with what a read must show from now on. */
  write(id: number, by?: Member): Promise<number>;
  /** The value that a node reads. */
  read(member: Member, id: number): Promise<number | undefined>;
  /** Resolves when both read every key's latest value out of Redis. */
  healed(): Promise<void>;
  close(): Promise<void>;
}

export interface RedisRegionOptions {
  readonly args?: readonly string[];
  readonly storeBreaker?: BreakerOptions | false;
}

/** A region with a real Redis: a writer, a reader, and a third process that has the roles. */
export async function redisRegion({
  args = [],
  storeBreaker,
}: RedisRegionOptions = {}): Promise<RedisRegion> {
  const redis = await startRedis({ args });
  const path = await startProxy({ target: redis });
  const admin = new Redis(redis.url);
  admin.on('error', () => {});
  const source = memorySource();
  const mesh = memoryMesh({ runtime: systemRuntime, regions: ['us'] });
  const bus = mesh.bus('us');
  const stores: RedisStore[] = [];
  const open = async (options: Partial<RedisStoreOptions> = {}): Promise<RedisStore> => {
    const url = `redis://${path.host}:${path.port}`;
    const store = await redisStore({ url, commandTimeoutMs: COMMAND_TIMEOUT_MS, ...options });
    stores.push(store);
    return store;
  };
  const nodes: Node[] = [];
  const member = async (
    options: Partial<RedisStoreOptions>,
    own: Pick<NodeOptions, 'bus' | 'roles' | 'pingInterval'> = {},
  ): Promise<Member> => {
    const commands = new CountedStore(await open(options));
    const events = new Map<string, number>();
    const record = ({ type }: { readonly type: string }): void =>
      void events.set(type, (events.get(type) ?? 0) + 1);
    const telemetry = { trace: untraced, inject: () => undefined, record };
    const node = await startNode<MemoryDb, MemoryTx>({
      keyspaces: [cities],
      store: commands.store,
      source,
      telemetry,
      ...own,
      ...(storeBreaker !== undefined && { storeBreaker }),
    });
    nodes.push(node);
    return { node, commands, events };
  };
  const agent = await startNode({ keyspaces: [cities], store: await open(), source, bus, pingInterval: 50 });
  nodes.push(agent);
  // Values that the writer fills are in bodies, those of the reader in records.
  const [writer, reader] = [await member({ inlineBytesMax: 1_000 }), await member({})];
  const latest = new Map<number, number>();
  const write = async (id: number, by = writer): Promise<number> => {
    const n = (latest.get(id) ?? 0) + 1;
    await by.node.write((tx) => tx.set(`city:${id}`, { n }));
    latest.set(id, n);
    return n;
  };
  const read = async ({ node }: Member, id: number): Promise<number | undefined> =>
    (await node.get(cities, { id }))?.n;
  const healed = (): Promise<void> =>
    vi.waitFor(async () => {
      for (const { node } of [writer, reader]) {
        for (const [id, n] of latest) {
          const { value, tier } = await node.read(cities, { id });
          if (value?.n !== n || tier !== 'l2') {
            throw new Error(`city ${id} is ${value?.n} from ${tier}, not ${n} from l2`);
          }
        }
      }
    }, SOON);
  return {
    redis,
    path,
    admin,
    writer,
    reader,
    join: () => member({}, { bus, roles: { relay: false, applier: false }, pingInterval: 50 }),
    write,
    read,
    healed,
    async close() {
      await Promise.all(nodes.map((node) => node.close()));
      await Promise.all(stores.map((store) => store.close()));
      await bus.close();
      await source.close();
      admin.disconnect();
      await path.close();
      await redis.close();
    },
  };
}

const noSpan = { set: () => {}, end: () => {} };

function untraced<T>(
  _: unknown,
  __: unknown,
  ___: unknown,
  work: (span: typeof noSpan) => Promise<T>,
): Promise<T> {
  return work(noSpan);
}
