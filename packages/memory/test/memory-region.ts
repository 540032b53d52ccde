import {
  type AnyKeyspace,
  type SourceOfTruth,
  startNode,
  type Store,
  systemRuntime,
  type TidemarkNode,
} from '@tidemark/core';
import {
  type MemoryDb,
  type MemoryMesh,
  memoryMesh,
  memorySource,
  type MemoryStore,
  memoryStore,
  type MemoryTx,
} from '../src/index.ts';

const SECRETS = ['a secret of these tests'];
export const WAIT = { timeout: 10_000, interval: 5 };

/** A load that a test holds back: `reached` when it has read, and goes on after `open`. */
export class Gate {
  #wait: Promise<void> | null = null;
  #release = (): void => {};
  #onReached = (): void => {};

  /** Holds the next load back; resolves when it has come here. */
  shut(): Promise<void> {
    this.#wait = new Promise((resolve) => (this.#release = resolve));
    return new Promise((resolve) => (this.#onReached = resolve));
  }

  open(): void {
    this.#release();
  }

  async pass(): Promise<void> {
    const wait = this.#wait;
    if (!wait) return;
    this.#wait = null;
    this.#onReached();
    await wait;
  }
}

export interface MemoryRegions {
  readonly us: TidemarkNode<MemoryTx>;
  readonly eu: TidemarkNode<MemoryTx>;
  readonly stores: { readonly us: MemoryStore; readonly eu: MemoryStore };
  readonly mesh: MemoryMesh;
  readonly source: SourceOfTruth<MemoryDb, MemoryTx>;
  /** A node of us without a bus: it keeps no L1 and hears of nothing. */
  readonly deaf: TidemarkNode<MemoryTx>;
  close(): Promise<void>;
}

/** Two regions of memory parts over one source, a node with both roles in each. */
export async function memoryRegions(
  keyspaces: readonly AnyKeyspace[],
  source: SourceOfTruth<MemoryDb, MemoryTx> = memorySource({ runtime: systemRuntime }),
  given: { readonly us?: Store } = {},
): Promise<MemoryRegions> {
  const mesh = memoryMesh({ runtime: systemRuntime, regions: ['us', 'eu'], delayMs: () => 2 });
  const stores = {
    us: memoryStore({ runtime: systemRuntime }),
    eu: memoryStore({ runtime: systemRuntime }),
  };
  const used = { ...stores, ...given };
  const buses = { us: mesh.bus('us'), eu: mesh.bus('eu') };
  const start = (id: 'us' | 'eu') =>
    startNode({
      keyspaces,
      store: used[id],
      bus: buses[id],
      source,
      pingInterval: 50,
      sessionSecrets: SECRETS,
    });
  const us = await start('us');
  const eu = await start('eu');
  const deaf = await startNode({ keyspaces, store: used.us, source });
  return {
    us,
    eu,
    deaf,
    stores,
    mesh,
    source,
    async close() {
      await Promise.all([us.close(), eu.close(), deaf.close()]);
      await Promise.all([buses.us.close(), buses.eu.close()]);
      await source.close();
    },
  };
}
