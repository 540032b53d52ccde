import { busSuite } from '@tidemark/conformance';
import { systemRuntime } from '@tidemark/core';
import { expect, it, vi } from 'vitest';
import { memoryMesh } from './memory-mesh.ts';

busSuite('memory', async () => {
  const mesh = memoryMesh({ runtime: systemRuntime, regions: ['a', 'b'], delayMs: () => 3 });
  return {
    bus: async (region) => mesh.bus(region),
    cut: () => mesh.cut('b'),
    heal: () => mesh.heal('b'),
    close: async () => {},
  };
});

it('reports what a bounded stream dropped before it was read', async () => {
  const mesh = memoryMesh({ runtime: systemRuntime, regions: ['a', 'b'], messagesMax: 8 });
  const [a, b] = [mesh.bus('a'), mesh.bus('b')];
  const seen: string[] = [];
  const doubts: string[] = [];
  await b.follow('a', {
    onMessage: ({ data }) => void seen.push(data),
    onDiscontinuity: (reason) => void doubts.push(reason),
  });
  mesh.cut('b');
  for (let i = 0; i < 100; i += 1) await a.append({ data: `${i}` });
  mesh.heal('b');
  await vi.waitFor(() => expect(seen.at(-1)).toBe('99'));
  expect(seen.length).toBeLessThanOrEqual(10);
  expect(doubts).toEqual([expect.stringMatching(/overrun/)]);
  await Promise.all([a.close(), b.close()]);
});
