import {
  encodeMessage,
  type Invalidation,
  keyspace,
  type LoadContext,
  startNode,
  systemRuntime,
} from '@tidemark/core';
import { expect, it, vi } from 'vitest';
import { type MemoryDb, memoryMesh, memorySource, memoryStore } from '../src/index.ts';
import { WAIT } from './memory-region.ts';

const rows = keyspace({
  name: 'row',
  params: { id: 'int' },
  load: ({ id }, { db }: LoadContext<MemoryDb>) => db.get<number>(`row:${id}`),
});

it('a feed message that was overtaken still tells what it tells', async () => {
  const source = memorySource({ runtime: systemRuntime });
  const store = memoryStore({ runtime: systemRuntime });
  const mesh = memoryMesh({ runtime: systemRuntime, regions: ['us'] });
  const applier = mesh.bus('us');
  const roles = { relay: false, applier: false };
  const node = await startNode({ keyspaces: [rows], store, bus: mesh.bus('us'), source, roles });
  const say = (seq: number, invalidations: readonly Invalidation[] = []): void => {
    applier.send('feed', { data: encodeMessage({ kind: 'feed', life: 'applier', seq, invalidations }) });
  };
  try {
    await source.transaction((tx) => tx.set('row:1', 1));
    await store.initialise('life', (await source.labels([])).asOf);
    expect(await node.get(rows, { id: 1 })).toBe(1);
    // The store has the old value, and hears of nothing.
    const { invalidations } = await source.transaction((tx) => tx.set('row:1', 2));
    say(1);
    say(3);
    const gaps = node.stats().feedGaps;
    await vi.waitFor(() => expect(node.stats().feedGaps).toBeGreaterThan(gaps + 1), WAIT);
    expect(await node.read(rows, { id: 1 })).toMatchObject({ value: 1 });
    say(2, invalidations);
    await vi.waitFor(async () => expect(await node.read(rows, { id: 1 })).toMatchObject({ value: 2 }), WAIT);
  } finally {
    await node.close();
    await applier.close();
  }
});

it('preloading right after the start waits for the feed, and not for long where there is none', async () => {
  const source = memorySource({ runtime: systemRuntime });
  const store = memoryStore({ runtime: systemRuntime });
  const mesh = memoryMesh({ runtime: systemRuntime, regions: ['us'] });
  const parts = { keyspaces: [rows], store, source, pingInterval: 20 };
  const first = await startNode({ ...parts, bus: mesh.bus('us') });
  await first.write((tx) => tx.set('row:1', 7));
  await vi.waitFor(async () => expect((await first.read(rows, { id: 1 })).tier).toBe('l1'), WAIT);
  await first.regionHotKeys(1); // Puts its counts down.
  const second = await startNode({ ...parts, bus: mesh.bus('us'), roles: { applier: false, relay: false } });
  expect(await second.preload()).toBe(1);
  expect(second.peek(rows, { id: 1 })).toBe(7);
  await Promise.all([first.close(), second.close()]);
  const alone = await startNode({ ...parts, bus: mesh.bus('us'), roles: { applier: false, relay: false } });
  const beganMs = performance.now();
  expect(await alone.preload()).toBe(0);
  expect(performance.now() - beganMs).toBeLessThan(20_000);
  await alone.close();
}, 60_000);
