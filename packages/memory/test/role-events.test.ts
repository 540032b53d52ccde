import { type EngineEvent, noTelemetry, startNode, systemRuntime } from '@tidemark/core';
import { expect, it, vi } from 'vitest';
import { memoryMesh, memorySource, memoryStore } from '../src/index.ts';
import { WAIT } from './memory-region.ts';

it('tells of a role when it is taken and when it is given back, and not while another has it', async () => {
  const source = memorySource({ runtime: systemRuntime });
  const store = memoryStore({ runtime: systemRuntime });
  const mesh = memoryMesh({ runtime: systemRuntime, regions: ['us'] });
  const attempts = { lead: 0, claim: 0 };
  const counted = <T extends object>(inner: T, name: keyof typeof attempts): T =>
    new Proxy(inner, {
      get(target, property) {
        if (property === name) attempts[name] += 1;
        const value: unknown = Reflect.get(target, property, target);
        return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
      },
    });
  const start = async (of: 'first' | 'second') => {
    const events: string[] = [];
    const record = (event: EngineEvent): void => {
      if (event.type === 'role') events.push(`${event.role} ${event.leading}`);
    };
    const node = await startNode({
      keyspaces: [],
      store: of === 'second' ? counted(store, 'claim') : store,
      source: of === 'second' ? counted(source, 'lead') : source,
      bus: mesh.bus('us'),
      telemetry: { ...noTelemetry, record },
    });
    return { node, events };
  };

  const first = await start('first');
  await vi.waitFor(() => expect(first.events.toSorted()).toEqual(['applier true', 'relay true']), WAIT);
  const second = await start('second');
  // Whoever asks again has been refused before, and has told what there was to tell.
  await vi.waitFor(() => expect(Math.min(attempts.lead, attempts.claim)).toBeGreaterThan(1), WAIT);
  expect(second.events).toEqual([]);

  await first.node.close();
  expect(first.events.slice(2).toSorted()).toEqual(['applier false', 'relay false']);
  await vi.waitFor(() => expect(second.events.toSorted()).toEqual(['applier true', 'relay true']), WAIT);
  await second.node.close();
});
