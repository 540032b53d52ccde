import type { Fill, Position, StoreMeta, Version } from '@tidemark/core';
import { type Server, startRedis } from '@tidemark/testbed';
import { Redis } from 'ioredis';
import { type RedisStore, redisStore, type RedisStoreOptions } from '../src/index.ts';

export const START: Position = { era: 1, xid: 100 };

export function version(n: number, era = 1): Version {
  return { era, n };
}

/** A fill that a node could send now. */
export function fillOf(meta: StoreMeta, changes: Partial<Fill> = {}): Fill {
  return {
    key: 'city:1',
    version: version(1),
    scope: 0,
    asOf: meta.horizon,
    incarnation: meta.incarnation,
    epoch: meta.epoch,
    revision: meta.revision,
    schema: 1,
    freshMs: 60_000,
    staleMs: 0,
    data: Buffer.from('value'),
    dependencies: [],
    replaces: 'any',
    lease: null,
    ...changes,
  };
}

/** A server, a plain client, and stores in namespaces of their own. */
export class RedisHarness {
  readonly server: Server;
  readonly client: Redis;
  readonly #stores: RedisStore[] = [];
  #spaces = 0;

  static async start(args: readonly string[] = []): Promise<RedisHarness> {
    return new RedisHarness(await startRedis({ args: [...args] }));
  }

  private constructor(server: Server) {
    this.server = server;
    this.client = new Redis(server.url);
    this.client.on('error', () => {});
  }

  namespace(): string {
    this.#spaces += 1;
    return `space${this.#spaces}`;
  }

  async open(options: Partial<RedisStoreOptions> = {}): Promise<RedisStore> {
    const store = await redisStore({ url: this.server.url, namespace: this.namespace(), ...options });
    this.#stores.push(store);
    return store;
  }

  async close(): Promise<void> {
    await Promise.all(this.#stores.map((store) => store.close()));
    this.client.disconnect();
    await this.server.close();
  }
}
