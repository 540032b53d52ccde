import {
  comparePositions,
  HistoryGoneError,
  keyspace,
  type LoadContext,
  type Position,
  type SourceOfTruth,
  startNode,
  type Store,
  systemRuntime,
  type TidemarkNode,
} from '@tidemark/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type MemoryDb,
  type MemoryMesh,
  memoryMesh,
  memorySource,
  type MemoryStore,
  memoryStore,
  type MemoryTx,
} from '../src/index.ts';
import { WAIT } from './memory-region.ts';
import { Stoppable } from './stoppable.ts';

const rows = keyspace({
  name: 'row',
  params: { id: 'int' },
  load: ({ id }, { db }: LoadContext<MemoryDb>) => db.get<{ n: number }>(`row:${id}`),
});

let mesh: MemoryMesh;
let store: MemoryStore;
let source: SourceOfTruth<MemoryDb, MemoryTx>;
/** Relays, reads, and holds no other role. It is never late enough to think the feed silent. */
let reader: TidemarkNode<MemoryTx>;
let a: Stoppable;
let b: Stoppable;
let nodeA: TidemarkNode<MemoryTx>;
let nodeB: TidemarkNode<MemoryTx>;
/** Below it, `b` finds the changelog gone. */
let goneBefore: Position | null;

/** A store that lets everybody hold the applier's role. */
function everybodyHolds(inner: Store): Store {
  return new Proxy(inner, {
    get(target, name) {
      if (name === 'claim') return async () => true;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
    },
  });
}

async function set(id: number, n: number): Promise<void> {
  await source.transaction((tx) => tx.set(`row:${id}`, { n }));
}

async function reads(id: number, n: number): Promise<void> {
  await vi.waitFor(async () => expect(await reader.get(rows, { id })).toEqual({ n }), WAIT);
}

/** The reader has heard both feeds, and holds row 1 in its L1. */
async function settled(): Promise<void> {
  let gaps = -1;
  await vi.waitFor(
    async () => {
      await reader.get(rows, { id: 1 });
      const before = gaps;
      gaps = reader.stats().feedGaps;
      expect(gaps).toBe(before);
      expect(gaps).toBeGreaterThanOrEqual(2);
      expect(reader.peek(rows, { id: 1 })).toBeDefined();
    },
    { timeout: 10_000, interval: 200 },
  );
}

beforeEach(async () => {
  mesh = memoryMesh({ runtime: systemRuntime, regions: ['us'] });
  store = memoryStore({ runtime: systemRuntime });
  source = memorySource();
  goneBefore = null;
  await set(1, 1);
  const base = { keyspaces: [rows], source };
  const applier = { ...base, store: everybodyHolds(store), pingInterval: 50, roles: { relay: false } };
  reader = await startNode({
    ...base,
    store,
    bus: mesh.bus('us'),
    pingInterval: '1m',
    roles: { applier: false },
  });
  a = new Stoppable();
  b = new Stoppable();
  const forgetful: typeof source = {
    ...source,
    async changes(since, page) {
      if (since && goneBefore && comparePositions(since, goneBefore) < 0) throw new HistoryGoneError('gone');
      return source.changes(since, page);
    },
  };
  nodeA = await startNode({ ...applier, runtime: a.runtime, bus: a.bus(mesh.bus('us')) });
  nodeB = await startNode({
    ...applier,
    source: forgetful,
    runtime: b.runtime,
    bus: b.bus(mesh.bus('us')),
  });
  await settled();
});
afterEach(async () => {
  a.resume();
  b.resume();
  await Promise.all([nodeA.close(), nodeB.close(), reader.close()]);
  await source.close();
});

describe('two appliers at once', () => {
  it('keep the region right, and do not empty its L1s again and again', async () => {
    const { feedGaps } = reader.stats();
    for (let n = 2; n <= 30; n += 1) {
      await set(2, n);
      await reads(2, n);
    }
    expect(reader.peek(rows, { id: 1 })).toEqual({ n: 1 });
    expect(reader.stats().feedGaps).toBe(feedGaps);
  });
});

describe('an applier that was stopped while another one worked', () => {
  /** While `b` stands still, `a` applies a change, moves the horizon, and dies without a word to the nodes. */
  async function passUnheard(): Promise<void> {
    b.stop();
    a.mute = true;
    await set(1, 2);
    const { horizon } = await source.changes(null, { limit: 1 });
    await vi.waitFor(async () => {
      const { meta, records } = await store.read(['row:1']);
      expect(records[0]!.tidemark.n).toBeGreaterThan(1);
      expect(comparePositions(meta!.horizon, horizon)).toBe(0);
    }, WAIT);
    await nodeA.close();
    expect(reader.peek(rows, { id: 1 })).toEqual({ n: 1 });
  }

  it('tells the nodes, when it goes on, what the other one told nobody', async () => {
    const { feedGaps } = reader.stats();
    await passUnheard();
    b.resume();
    await reads(1, 2);
    expect(reader.stats().feedGaps).toBe(feedGaps);
  });

  it('makes them start over when the changelog no longer reaches back so far; the store stays as it is', async () => {
    await passUnheard();
    const { meta } = await store.read([]);
    goneBefore = meta!.horizon;
    b.resume();
    await reads(1, 2);
    expect((await store.read([])).meta).toMatchObject({ incarnation: meta!.incarnation, epoch: meta!.epoch });
  });
});
