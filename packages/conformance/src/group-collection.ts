import type { Generation, GroupSource, StagedMember } from '@tidemark/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SourceHarness } from './source-harness.ts';

const AT_ONCE = { keep: 0, graceMs: 0, abandonedMs: 0 };
const NEVER_MS = 3_600_000;

function member(key: string, value: unknown): StagedMember {
  return { key, value: JSON.stringify(value) };
}

/** What a collection of generations takes and leaves, whatever goes on meanwhile. */
export function groupCollection<Tx>(name: string, factory: () => Promise<SourceHarness<Tx>>): void {
  describe(`collection of generations: ${name}`, () => {
    let harness: SourceHarness<Tx>;
    let groups: GroupSource;
    let names = 0;
    const fresh = (): string => `group-${(names += 1)}`;
    /** A sealed generation whose only member `a` tells which one it is. */
    const staged = async (group: string, value: unknown): Promise<Generation> => {
      const generation = await groups.begin(group);
      await groups.stage(group, generation, [member('a', value)]);
      await groups.seal(group, generation);
      return generation;
    };
    const swapped = async (group: string, value: unknown): Promise<Generation> => {
      const generation = await staged(group, value);
      await groups.swap(group, generation, {});
      return generation;
    };
    const states = async (group: string): Promise<string[]> =>
      (await groups.list(group)).map(({ state }) => state);

    beforeAll(async () => {
      harness = await factory();
      groups = harness.source.groups!;
    });
    afterAll(() => harness.close());

    it('leaves the current one, the ones to keep, and the young', async () => {
      const group = fresh();
      const all: Generation[] = [];
      for (let count = 0; count < 5; count += 1) all.push(await swapped(group, count));
      await staged(group, 'waiting');
      const young = { keep: 0, graceMs: NEVER_MS, abandonedMs: NEVER_MS };
      expect(await groups.collect(group, young)).toEqual([]);
      // The youngest by when they became current: the rollback made the last one retire.
      await groups.rollback(group, null, {});
      expect(await groups.collect(group, { ...young, keep: 2, graceMs: 0 })).toEqual(all.slice(0, 2));
      expect(await states(group)).toEqual(['retired', 'current', 'retired', 'staged']);
      expect(await groups.collect(group, AT_ONCE)).toHaveLength(3);
      expect(await groups.collect(group, AT_ONCE)).toEqual([]);
      expect(await groups.current(group)).toBe(all[3]);
      expect(await groups.read(group, all[3]!, ['a'])).toEqual(['3']);
    });

    it('makes what it took unreadable, and nothing rolls back to it', async () => {
      const group = fresh();
      const first = await swapped(group, 1);
      const second = await swapped(group, 2);
      expect(await groups.collect(group, AT_ONCE)).toEqual([first]);
      const gone = { code: 'E_GENERATION_GONE', generation: first };
      await expect(groups.read(group, first, ['a'])).rejects.toMatchObject(gone);
      await expect(groups.rollback(group, first, {})).rejects.toMatchObject(gone);
      await expect(groups.swap(group, first, {})).rejects.toMatchObject(gone);
      await expect(groups.stage(group, first, [member('b', 1)])).rejects.toMatchObject(gone);
      await expect(groups.seal(group, first)).rejects.toMatchObject(gone);
      await expect(groups.rollback(group, null, {})).rejects.toMatchObject({ code: 'E_GROUP_EMPTY' });
      expect(await groups.current(group)).toBe(second);
    });

    it('that races with reads leaves them whole or refuses them: never a member too few', async () => {
      const group = fresh();
      const keys = Array.from({ length: 300 }, (_, n) => `k${n}`);
      for (let round = 0; round < 4; round += 1) {
        const generation = await groups.begin(group);
        await groups.stage(
          group,
          generation,
          keys.map((key) => member(key, round)),
        );
        await groups.seal(group, generation);
        await groups.swap(group, generation, {});
        await swapped(group, 'next');
        let collected = false;
        const collecting = groups.collect(group, AT_ONCE).then(() => (collected = true));
        do {
          const read = await groups
            .read(group, generation, keys)
            .catch((error: { code: string }) => error.code);
          if (read === 'E_GENERATION_GONE') continue;
          expect(read).toEqual(keys.map(() => `${round}`));
        } while (!collected);
        await collecting;
      }
    });

    it('that races with a rollback never takes what becomes current', async () => {
      const group = fresh();
      for (let round = 0; round < 10; round += 1) {
        await swapped(group, `old ${round}`);
        await swapped(group, `new ${round}`);
        const [back] = await Promise.allSettled([
          groups.rollback(group, null, {}),
          groups.collect(group, AT_ONCE),
        ]);
        const current = (await groups.current(group))!;
        const expected = back.status === 'fulfilled' ? `old ${round}` : `new ${round}`;
        expect(await groups.read(group, current, ['a'])).toEqual([JSON.stringify(expected)]);
      }
    });
  });
}
