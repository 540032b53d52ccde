import { type EngineEvent, keyspace, noTelemetry, startNode, systemRuntime } from '@tidemark/core';
import { expect, it, vi } from 'vitest';
import { memoryMesh, memorySource, memoryStore } from '../src/index.ts';
import { Gate, WAIT } from './memory-region.ts';

/** Two nodes of a region, the engine's events of the first, and what a loader makes. */
async function twoNodes(value: () => unknown, gate = new Gate()) {
  const events: EngineEvent[] = [];
  const load = vi.fn(async () => {
    await gate.pass();
    return value();
  });
  const rows = keyspace({ name: 'row', params: { id: 'int' }, load });
  const source = memorySource({ runtime: systemRuntime });
  const store = memoryStore({ runtime: systemRuntime });
  const mesh = memoryMesh({ runtime: systemRuntime, regions: ['us'] });
  const parts = { keyspaces: [rows], store, source, leaseWait: '20s' as const };
  const telemetry = { ...noTelemetry, record: (event: EngineEvent) => void events.push(event) };
  const first = await startNode({ ...parts, bus: mesh.bus('us'), telemetry });
  const second = await startNode({ ...parts, bus: mesh.bus('us') });
  await vi.waitFor(() => {
    for (const node of [first, second]) expect(node.stats().stalenessBoundMs).toBeLessThan(1_000);
  }, WAIT);
  return {
    rows,
    load,
    store,
    first,
    second,
    gate,
    errors: () => events.filter((event) => event.type === 'store-error'),
    async [Symbol.asyncDispose]() {
      gate.open();
      await Promise.all([first.close(), second.close()]);
    },
  };
}

it('a value that the codec refuses is served and kept in L1, and its error is told', async () => {
  const made = { id: 1, tags: new Map([['a', 1n]]) };
  await using region = await twoNodes(() => structuredClone(made));
  const { first, rows, load, store } = region;
  expect(await first.get(rows, { id: 1 })).toEqual(made);
  expect(await first.get(rows, { id: 1 })).toEqual(made);
  expect(load).toHaveBeenCalledTimes(1);
  expect((await store.read(['row:1'])).records[0]?.value ?? null).toBeNull();
  expect(first.stats().storeErrors).toBe(1);
  expect(region.errors()).toMatchObject([
    {
      operation: 'encode',
      error: {
        code: 'E_VALUE',
        path: ['tags'],
        message: expect.stringMatching(/^value\.tags is a Map/) as string,
      },
    },
  ]);
});

it('a value that the codec refuses holds no lease: who waits for it goes on at once', async () => {
  await using region = await twoNodes(() => ({ n: Number.NaN }));
  const { first, second, rows, gate, store, load } = region;
  const reached = gate.shut();
  const one = first.get(rows, { id: 1 });
  await reached;
  const asked = vi.spyOn(store, 'lease');
  const released = vi.spyOn(store, 'release');
  const other = second.get(rows, { id: 1 });
  await vi.waitFor(() => expect(asked.mock.calls.length).toBeGreaterThan(1), WAIT);
  gate.open();
  expect([await one, await other]).toEqual([{ n: Number.NaN }, { n: Number.NaN }]);
  expect(load).toHaveBeenCalledTimes(2);
  expect(released.mock.calls.map(([key]) => key)).toEqual(['row:1', 'row:1']);
  expect(await store.lease('row:1', 'another', 1_000)).toMatchObject({ granted: true });
});

it('a value with dates is the same to every reader, whichever tier answers', async () => {
  const made = { id: 1, at: new Date('2026-11-24T03:00:00Z'), log: [{ on: new Date(0) }] };
  await using region = await twoNodes(() => structuredClone(made));
  const { first, second, rows, load } = region;
  const loaded = await first.get(rows, { id: 1 });
  const stored = await second.read(rows, { id: 1 });
  expect(stored).toMatchObject({ tier: 'l2', value: made });
  expect(stored.value).toEqual(loaded);
  expect(load).toHaveBeenCalledTimes(1);
});
