import {
  type AnyKeyspace,
  type BreakerOptions,
  noTelemetry,
  type RefreshAheadOptions,
  startNode,
  type Store,
  StoreUnavailableError,
  type TidemarkNode,
} from '@tidemark/core';
import { type MemoryDb, memoryMesh, memorySource, memoryStore, type MemoryTx } from '../src/index.ts';
import { VirtualRuntime } from './virtual-runtime.ts';

/** One region on a clock that a test moves: nodes that share a store, a bus and a source. */
export interface VirtualRegion {
  readonly runtime: VirtualRuntime;
  readonly nodes: readonly TidemarkNode<MemoryTx>[];
  /** The store as the nodes see it. */
  readonly store: Store;
  /** Commands that the nodes sent to the store, by method. */
  readonly asked: ReadonlyMap<string, number>;
  /** Makes the store's commands fail, as if it hung: all of them, or those of these names. */
  fail(failing: boolean | readonly string[]): void;
  /** Names of what the engine recorded, with their number. */
  readonly events: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

interface RegionOptions {
  readonly keyspaces: readonly AnyKeyspace[];
  readonly nodes?: number;
  readonly storeBreaker?: BreakerOptions | false;
  readonly sourceBreaker?: BreakerOptions | false;
  readonly loadConcurrencyMax?: number;
  readonly loadQueueMax?: number;
  readonly refreshAhead?: RefreshAheadOptions;
  /** ms; the longer, the cheaper an hour. Default 100. */
  readonly pingInterval?: number;
}

/** Starts the region, and waits until its nodes know that it is fresh. */
export async function virtualRegion({ nodes: count = 1, ...options }: RegionOptions): Promise<VirtualRegion> {
  const runtime = new VirtualRuntime();
  const source = memorySource({ runtime });
  const mesh = memoryMesh({ runtime, regions: ['us'] });
  const asked = new Map<string, number>();
  const events = new Map<string, number>();
  let failing: boolean | readonly string[] = false;
  const memory = memoryStore({ runtime });
  const store = new Proxy(memory, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return (...args: readonly unknown[]): unknown => {
        asked.set(String(name), (asked.get(String(name)) ?? 0) + 1);
        if (failing === true || (failing && failing.includes(String(name))))
          return Promise.reject(new StoreUnavailableError('a test made it fail', { unanswered: true }));
        return Reflect.apply(member, target, args);
      };
    },
  });
  const buses = Array.from({ length: count }, () => mesh.bus('us'));
  const nodes = await Promise.all(
    buses.map((bus) =>
      startNode<MemoryDb, MemoryTx>({
        pingInterval: 100,
        ...options,
        store,
        bus,
        source,
        runtime,
        telemetry: {
          ...noTelemetry,
          record: ({ type }) => void events.set(type, (events.get(type) ?? 0) + 1),
        },
      }),
    ),
  );
  const freshMs = Math.max(1_000, 2 * (options.pingInterval ?? 0));
  while (nodes.some((node) => node.stats().stalenessBoundMs > freshMs)) await runtime.advance(50);
  return {
    runtime,
    nodes,
    store,
    asked,
    events,
    fail: (value) => void (failing = value),
    async close() {
      await runtime.settle(Promise.all(nodes.map((node) => node.close())));
      await runtime.settle(Promise.all(buses.map((bus) => bus.close())));
      await source.close();
    },
  };
}

/** A loader whose loads take time, fail, and are counted, as a test says. */
export class SlowLoader {
  readonly #runtime: () => VirtualRuntime;
  takesMs = 0;
  failing: Error | null = null;
  value = 'first';
  /** Keys in the order in which their loads began. */
  readonly loaded: number[] = [];

  constructor(runtime: () => VirtualRuntime) {
    this.#runtime = runtime;
  }

  readonly load = async ({ id }: { readonly id: number }): Promise<string> => {
    this.loaded.push(id);
    const { takesMs, value } = this;
    const runtime = this.#runtime();
    if (takesMs > 0) await new Promise<void>((resolve) => runtime.timer(takesMs, resolve));
    if (this.failing) throw this.failing;
    return `${value} ${id}`;
  };
}
