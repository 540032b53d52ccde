import { groupSuite } from '@tidemark/conformance';
import { systemRuntime } from '@tidemark/core';
import { describe, expect, it } from 'vitest';
import { MemoryDatabase } from './memory-database.ts';
import { memorySource } from './memory-source.ts';

groupSuite('memory', async () => {
  const database = new MemoryDatabase();
  const source = memorySource({ database });
  return {
    source,
    another: async () => memorySource({ database }),
    write: async (tx) => tx.set('ballast:1', true),
    close: () => source.close(),
  };
});

describe('memory groups', () => {
  it('go back with the database, and the abandoned future keeps its name to itself', async () => {
    const database = new MemoryDatabase();
    const groups = memorySource({ database }).groups!;
    const swapIn = async (value: string): Promise<string> => {
      const generation = await groups.begin('prices');
      await groups.stage('prices', generation, [{ key: 'a', value }]);
      await groups.seal('prices', generation);
      await groups.swap('prices', generation, {});
      return generation;
    };
    const kept = await swapIn('1');
    const checkpoint = database.checkpoint();
    const abandoned = await swapIn('2');
    database.restore(checkpoint);
    expect(await groups.current('prices')).toBe(kept);
    const after = await swapIn('3');
    expect(after).not.toBe(abandoned);
    await expect(groups.read('prices', abandoned, ['a'])).rejects.toMatchObject({
      code: 'E_GENERATION_GONE',
    });
  });

  it('collect by the clock of the source', async () => {
    let nowMs = 1_000;
    const groups = memorySource({ runtime: { ...systemRuntime, wallMs: () => nowMs } }).groups!;
    for (const value of ['1', '2']) {
      const generation = await groups.begin('prices');
      await groups.stage('prices', generation, [{ key: 'a', value }]);
      await groups.seal('prices', generation);
      await groups.swap('prices', generation, {});
    }
    const request = { keep: 0, graceMs: 100, abandonedMs: 100 };
    nowMs += 99;
    expect(await groups.collect('prices', request)).toEqual([]);
    nowMs += 1;
    expect(await groups.collect('prices', request)).toHaveLength(1);
  });
});
