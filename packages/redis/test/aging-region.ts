import {
  type AnyKeyspace,
  type NodeOptions,
  type Runtime,
  startNode,
  systemRuntime,
  type TidemarkNode,
  type Timer,
} from '@tidemark/core';
import { type MemoryDb, memoryMesh, memorySource, type MemoryTx } from '@tidemark/memory';
import { type Proxy, startProxy } from '@tidemark/testbed';
import { type MockInstance, vi } from 'vitest';
import type { RedisStore } from '../src/index.ts';
import { KeyNames } from '../src/key-names.ts';
import type { RedisHarness } from './redis-harness.ts';

export const SOON = { timeout: 20_000, interval: 5 };
const COMMAND_TIMEOUT_MS = 5_000;
/** Six of them without an answer close an L1: longer than an applier waits for a hung Redis. */
const PING_MS = 500;
/** Where a record says when it was filled; see the table in `record-bytes.ts`. */
const FILLED_AT = 52;

export type Node = TidemarkNode<MemoryTx>;

/** Loads that are counted, and end when a test says so. */
export class GatedLoads {
  value: string | null = 'first';
  failing: Error | null = null;
  /** What passes on the processes' clocks during each load, ms. */
  takesMs = 0;
  /** In the order in which they began. */
  readonly ids: number[] = [];
  /** Told of the time that a load takes. */
  onTime: (ms: number) => void = () => {};
  #gate: Promise<void> = Promise.resolve();

  get count(): number {
    return this.ids.length;
  }

  /** Loads that begin from now on wait until what it returns is called. */
  hold(): () => void {
    let open = (): void => {};
    this.#gate = new Promise((resolve) => (open = resolve));
    return open;
  }

  /** Loads that begin from now on end at once; those that wait go on waiting. */
  free(): void {
    this.#gate = Promise.resolve();
  }

  readonly load = async ({ id }: { readonly id: number }): Promise<string | null> => {
    this.ids.push(id);
    // What the source has when the load begins.
    const { value, failing } = this;
    await this.#gate;
    this.onTime(this.takesMs);
    if (failing) throw failing;
    return value && `${value} ${id}`;
  };
}

/** The real clock, and ahead of it what a test said has passed. */
class AheadClock {
  #aheadMs = 0;
  readonly #pending = new Set<{ readonly atMs: number; readonly run: () => void }>();

  nowMs(): number {
    return performance.now() + this.#aheadMs;
  }

  timer(ms: number, task: () => void): Timer {
    const run = (): void => {
      if (!this.#pending.delete(due)) return;
      real.cancel();
      task();
    };
    const due = { atMs: this.nowMs() + ms, run };
    const real = systemRuntime.timer(ms, run);
    this.#pending.add(due);
    return {
      cancel: () => {
        this.#pending.delete(due);
        real.cancel();
      },
    };
  }

  pass(ms: number): void {
    this.#aheadMs += ms;
    const nowMs = this.nowMs();
    // Not those that they set: their time has not passed.
    for (const { atMs, run } of [...this.#pending].toSorted((a, b) => a.atMs - b.atMs))
      if (atMs <= nowMs) run();
  }
}

export interface AgingRegionOptions {
  readonly redis: RedisHarness;
  readonly keyspaces: readonly AnyKeyspace[];
  /** How long a Redis that hangs is waited for. Default: longer than a busy machine takes. */
  readonly commandTimeoutMs?: number | undefined;
  readonly node?: Partial<NodeOptions<MemoryDb, MemoryTx>>;
}

/**
 * Processes that share a real Redis and a clock that a test moves: what lies in Redis gets older with it, so that no
 * test waits for the end of a TTL, and none ends meanwhile.
 */
export class AgingRegion {
  /** With an L1. */
  readonly members: Node[] = [];
  /** Between the processes and Redis. */
  readonly path: Proxy;
  readonly names: KeyNames;
  /** What chance decides by, in [0, 1). */
  chance = 0;
  /** Without a bus, and so without an L1: each of its reads asks Redis. */
  plain!: Node;
  /** Past the network path. */
  store!: RedisStore;
  readonly #redis: RedisHarness;
  readonly #commandTimeoutMs: number;
  readonly #namespace: string;
  readonly #source = memorySource();
  readonly #mesh = memoryMesh({ runtime: systemRuntime, regions: ['us'] });
  readonly #close: (() => Promise<void>)[] = [];
  readonly #asked: MockInstance<RedisStore['lease']>[] = [];
  readonly #clock = new AheadClock();

  static async open(options: AgingRegionOptions): Promise<AgingRegion> {
    const { redis, keyspaces, node, commandTimeoutMs = COMMAND_TIMEOUT_MS } = options;
    const region = new AgingRegion(redis, await startProxy({ target: redis.server }), commandTimeoutMs);
    const { path } = region;
    region.#close.push(() => path.close());
    const own = { keyspaces, runtime: region.#runtime(), ...node };
    const bus = region.#mesh.bus('us');
    const roles = { relay: false, applier: false };
    region.store = await region.#store(redis.server.url);
    // The roles live on the real clock, in a process of their own.
    await region.#join({ keyspaces, bus, pingInterval: 20 });
    await vi.waitFor(async () => {
      if (!(await region.store.read([])).meta) throw new Error('Redis knows nothing yet');
    }, SOON);
    region.plain = await region.#join(own);
    for (let i = 0; i < 2; i += 1) {
      const member = { ...own, bus: region.#mesh.bus('us'), roles, pingInterval: PING_MS };
      region.members.push(await region.#join(member));
    }
    await vi.waitFor(() => {
      if (region.members.some((each) => each.stats().stalenessBoundMs === Number.POSITIVE_INFINITY))
        throw new Error('nothing is proven yet');
    }, SOON);
    return region;
  }

  private constructor(redis: RedisHarness, path: Proxy, commandTimeoutMs: number) {
    this.#commandTimeoutMs = commandTimeoutMs;
    this.#redis = redis;
    this.path = path;
    this.#namespace = redis.namespace();
    this.names = new KeyNames(this.#namespace);
  }

  get all(): readonly Node[] {
    return [...this.members, this.plain];
  }

  /** Leases that the processes asked for. */
  get leases(): number {
    return this.#asked.reduce((sum, { mock }) => sum + mock.calls.length, 0);
  }

  get url(): string {
    return `redis://${this.path.host}:${this.path.port}`;
  }

  get namespace(): string {
    return this.#namespace;
  }

  /** Time passes for the processes, and for what Redis has of these keys. */
  async pass(ms: number, keys: readonly string[]): Promise<void> {
    const { client } = this.#redis;
    for (const key of keys) {
      const name = this.names.record(key);
      const filledAt = await client.getrangeBuffer(name, FILLED_AT, FILLED_AT + 7);
      filledAt.writeDoubleBE(filledAt.readDoubleBE() - ms);
      await client.setrange(name, FILLED_AT, filledAt);
    }
    this.passHere(ms);
  }

  /** Time passes for the processes alone, their timers included. */
  passHere(ms: number): void {
    this.#clock.pass(ms);
  }

  /** Has every process read the row, until each L1 took it: it does not while a claim is on its way. */
  async cached(keyspace: AnyKeyspace, id: number): Promise<void> {
    for (const each of this.all) await each.get(keyspace, { id });
    for (const each of this.members) {
      await vi.waitFor(async () => {
        await each.get(keyspace, { id });
        if (each.peek(keyspace, { id }) === undefined) throw new Error(`L1 has not taken ${id}`);
      }, SOON);
    }
  }

  /** Invalidates a key, by a process without an L1. */
  async bump(keyspace: AnyKeyspace, id: number): Promise<void> {
    await this.plain.write(async (tx) => tx.bump(keyspace, { id }));
  }

  async close(): Promise<void> {
    this.path.setDelay(0);
    for (const each of this.#close.toReversed()) await each();
    await this.#source.close();
  }

  #runtime(): Runtime {
    const { wallMs, randomId } = systemRuntime;
    // Without a coarse clock, which would be late to learn that time has passed.
    return {
      wallMs,
      randomId,
      monoMs: () => this.#clock.nowMs(),
      random: () => this.chance,
      timer: (ms, task) => this.#clock.timer(ms, task),
    };
  }

  #store(url: string): Promise<RedisStore> {
    return this.#redis.open({ url, namespace: this.#namespace, commandTimeoutMs: this.#commandTimeoutMs });
  }

  async #join(options: Omit<NodeOptions<MemoryDb, MemoryTx>, 'store' | 'source'>): Promise<Node> {
    const store = await this.#store(this.url);
    this.#asked.push(vi.spyOn(store, 'lease'));
    const node = await startNode<MemoryDb, MemoryTx>({ store, source: this.#source, ...options });
    this.#close.push(() => node.close());
    return node;
  }
}
