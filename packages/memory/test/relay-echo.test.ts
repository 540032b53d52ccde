import { decodeMessage, encodeMessage, type StreamMessage, startNode, systemRuntime } from '@tidemark/core';
import { expect, it, vi } from 'vitest';
import { memoryMesh, memorySource } from '../src/index.ts';
import { Gate, WAIT } from './memory-region.ts';

const LIFE = 'asker';

/** An echo promises that what was committed before its ping is on the stream: the snapshot has to come after it. */
it('a relay echoes no ping that came after its snapshot', async () => {
  const gate = new Gate();
  const memory = memorySource({ runtime: systemRuntime });
  const source = {
    ...memory,
    changes: async (...asked: Parameters<typeof memory.changes>) => {
      const page = await memory.changes(...asked);
      await gate.pass();
      return page;
    },
  };
  const mesh = memoryMesh({ runtime: systemRuntime, regions: ['us'] });
  const bus = mesh.bus('us');
  const said: StreamMessage[] = [];
  await bus.follow('us', {
    onMessage({ data }) {
      const decoded = decodeMessage(data);
      if (decoded.ok) said.push(decoded.message as StreamMessage);
    },
    onDiscontinuity() {},
  });
  const node = await startNode({ keyspaces: [], bus: mesh.bus('us'), source, roles: { relay: true } });
  try {
    await vi.waitFor(() => expect(said.some(({ kind }) => kind === 'barrier')).toBe(true), WAIT);
    await gate.shut();
    // The relay has its snapshot, and has not gone on. This commit is not in it.
    const { invalidations } = await memory.transaction((tx) => tx.set('row:1', 1));
    const heard = new Promise<void>((resolve) => void bus.listen('us', 'ping', () => resolve()));
    bus.send('ping', { data: encodeMessage({ kind: 'ping', life: LIFE, ping: 1 }) });
    // The relay listened first: it has heard it too.
    await heard;
    const before = said.length;
    gate.open();
    const echoed = (): number =>
      said.findIndex(
        (each) => each.kind === 'barrier' && each.barrier.echoes.some(({ life }) => life === LIFE),
      );
    await vi.waitFor(() => expect(echoed()).toBeGreaterThanOrEqual(before), WAIT);
    const told = said.findIndex((each) => each.kind === 'changes' && each.invalidations[0]?.key === 'row:1');
    expect(invalidations[0]!.key).toBe('row:1');
    expect(told).toBeGreaterThanOrEqual(0);
    expect(told).toBeLessThan(echoed());
  } finally {
    gate.open();
    await node.close();
    await bus.close();
    await memory.close();
  }
});
