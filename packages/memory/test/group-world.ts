import {
  group,
  type GroupEntry,
  type NodeOptions,
  partitionedStore,
  type SourceOfTruth,
  startNode,
  type Store,
  systemRuntime,
  type TidemarkNode,
} from '@tidemark/core';
import { expect, vi } from 'vitest';
import {
  MemoryDatabase,
  type MemoryDb,
  type MemoryMesh,
  memoryMesh,
  memorySource,
  memoryStore,
  type MemoryTx,
} from '../src/index.ts';

/** Every member says which generation it belongs to. */
export interface Price {
  readonly list: string;
  readonly cents: number;
}

export const WAIT = { timeout: 10_000, interval: 5 };
export const MEMBERS = 40;
export const PARAMS = Array.from({ length: MEMBERS }, (_, sku) => ({ sku }));
export const prices = group<{ readonly sku: 'int' }, Price>({ name: 'price', params: { sku: 'int' } });

export const opened: { close(): Promise<void> }[] = [];
/** Closes everything that a test opened, the last first. */
export async function closeAll(): Promise<void> {
  for (const each of opened.splice(0).reverse()) await each.close();
}

export async function open<Db, Tx>(options: NodeOptions<Db, Tx>): Promise<TidemarkNode<Tx>> {
  const node = await startNode(options);
  opened.push(node);
  return node;
}

export function* priceList(list: string): Generator<GroupEntry<{ readonly sku: 'int' }, Price>> {
  for (const { sku } of PARAMS) yield [{ sku }, { list, cents: sku }];
}

export interface World {
  readonly nodes: readonly TidemarkNode<MemoryTx>[];
  readonly stores: readonly Store[];
  readonly source: SourceOfTruth<MemoryDb, MemoryTx>;
  readonly mesh: MemoryMesh;
  readonly database: MemoryDatabase;
  readonly clock: { skewMs: number };
}

/** Regions us and eu, a node each, over stores of so many partitions. */
export async function world(partitions = 1): Promise<World> {
  const clock = { skewMs: 0 };
  const runtime = { ...systemRuntime, monoMs: () => systemRuntime.monoMs() + clock.skewMs };
  const mesh = memoryMesh({ runtime: systemRuntime, regions: ['us', 'eu'], delayMs: () => 2 });
  const database = new MemoryDatabase();
  const source = memorySource({ runtime: systemRuntime, database });
  opened.push(source);
  const nodes: TidemarkNode<MemoryTx>[] = [];
  const stores: Store[] = [];
  for (const id of ['us', 'eu']) {
    const bus = mesh.bus(id);
    opened.push(bus);
    const parts = Array.from({ length: partitions }, () => memoryStore({ runtime: systemRuntime }));
    const store = partitions === 1 ? parts[0]! : partitionedStore(parts);
    stores.push(store);
    nodes.push(
      await open({ keyspaces: [], groups: [prices], store, bus, source, runtime, pingInterval: 50 }),
    );
  }
  for (const node of nodes)
    await vi.waitFor(() => expect(node.stats().stalenessBoundMs).toBeLessThan(1_000), WAIT);
  return { nodes, stores, source, mesh, database, clock };
}

export async function publish({ nodes }: World, list: string): Promise<string> {
  const generation = await nodes[0]!.stage(prices, priceList(list));
  await nodes[0]!.swap(prices, generation);
  return generation;
}

/** Waits until views of the node show the generation. */
export async function shows(node: TidemarkNode<MemoryTx>, generation: string): Promise<void> {
  await vi.waitFor(async () => expect((await node.view(prices)).generation).toBe(generation), WAIT);
}

/** Returns when every region has applied all that its streams held. */
export async function settled({ nodes }: World): Promise<void> {
  const sinceMs = performance.now();
  for (const node of nodes) {
    await vi.waitFor(
      () => expect(node.stats().stalenessBoundMs).toBeLessThan(performance.now() - sinceMs),
      WAIT,
    );
  }
}
