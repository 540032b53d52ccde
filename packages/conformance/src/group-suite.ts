import {
  compareVersions,
  type Generation,
  GENERATIONS_MAX,
  type GroupSource,
  MEMBER_BATCH_MAX,
  type SourceOfTruth,
  type StagedMember,
} from '@tidemark/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { groupCollection } from './group-collection.ts';
import { readChanges, type SourceHarness } from './source-harness.ts';

const AT_ONCE = { keep: 0, graceMs: 0, abandonedMs: 0 };

function member(key: string, value: unknown): StagedMember {
  return { key, value: JSON.stringify(value) };
}

/** What every `GroupSource` must do. Call it in a test file of the adapter. */
export function groupSuite<Tx>(name: string, factory: () => Promise<SourceHarness<Tx>>): void {
  describe(`groups: ${name}`, () => {
    let harness: SourceHarness<Tx>;
    let source: SourceOfTruth<unknown, Tx>;
    let groups: GroupSource;
    let names = 0;
    /** A group of its own for each case. */
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
    const versionOf = async (group: string): Promise<number> =>
      (await source.labels([`group:${group}`])).versions[0]!.n;
    const states = async (group: string): Promise<string[]> =>
      (await groups.list(group)).map(({ state }) => state);

    beforeAll(async () => {
      harness = await factory();
      source = harness.source;
      groups = source.groups!;
    });
    afterAll(() => harness.close());

    describe('staging', () => {
      it('mints generations that rise and that nobody sees', async () => {
        const group = fresh();
        const [first, second] = [await groups.begin(group), await groups.begin(group)];
        expect(first).toMatch(/^\d+\.\d+$/);
        expect(second).not.toBe(first);
        expect(await groups.current(group)).toBeNull();
        expect((await groups.list(group)).map(({ generation }) => generation)).toEqual([first, second]);
        expect(await versionOf(group)).toBe(0);
      });

      it('takes the same member again, in a batch and across processes, and none with another value', async () => {
        const group = fresh();
        const generation = await groups.begin(group);
        await groups.stage(group, generation, [member('a', 1), member('a', 1), member('b', { x: [1] })]);
        const other = await harness.another();
        await other.groups!.stage(group, generation, [member('b', { x: [1] }), member('c', 3)]);
        await other.close();
        const conflict = groups.stage(group, generation, [member('d', 4), member('a', 2)]);
        await expect(conflict).rejects.toMatchObject({ code: 'E_STAGE_CONFLICT', member: 'a' });
        expect(await groups.seal(group, generation)).toBe(3);
        expect(await groups.read(group, generation, ['d', 'c', 'a', 'b', 'a'])).toEqual([
          null,
          '3',
          '1',
          '{"x":[1]}',
          '1',
        ]);
      });

      it('keeps keys and values as they are, whatever is in them', async () => {
        const group = fresh();
        const generation = await groups.begin(group);
        const odd = ['%3A%25', 'ä:ß', '\u{1F600}', `'";--`, '\\n\\u0000', '{"a":NULL}', '', ' '];
        const texts = [
          '"\\u0000\\ud800"',
          '{"b":1,"a":2}',
          '"\u{1F600}"',
          '0.1',
          '""',
          '[]',
          '1e400',
          'true',
        ];
        const members = odd.map((key, i) => ({ key, value: texts[i]! }));
        await groups.stage(group, generation, members);
        await groups.seal(group, generation);
        expect(await groups.read(group, generation, odd)).toEqual(texts);
      });

      it('takes a batch of the limit, and no more', async () => {
        const group = fresh();
        const generation = await groups.begin(group);
        const members = Array.from({ length: MEMBER_BATCH_MAX + 1 }, (_, n) => member(`${n}`, n));
        await expect(groups.stage(group, generation, members)).rejects.toMatchObject({
          code: 'E_CONFIGURATION',
        });
        await groups.stage(group, generation, members.slice(1));
        expect(await groups.seal(group, generation)).toBe(MEMBER_BATCH_MAX);
        const keys = members.slice(1).map(({ key }) => key);
        expect(await groups.read(group, generation, keys)).toEqual(keys);
        await expect(groups.read(group, generation, ['x', ...keys])).rejects.toMatchObject({
          code: 'E_CONFIGURATION',
        });
      });

      it('is over once sealed; before that nothing can be read or swapped in', async () => {
        const group = fresh();
        const generation = await groups.begin(group);
        await expect(groups.seal(group, generation)).rejects.toMatchObject({ problem: 'empty' });
        await groups.stage(group, generation, [member('a', 1)]);
        await expect(groups.read(group, generation, ['a'])).rejects.toMatchObject({ problem: 'open' });
        await expect(groups.swap(group, generation, {})).rejects.toMatchObject({
          code: 'E_GENERATION_STATE',
          problem: 'open',
        });
        expect([await groups.seal(group, generation), await groups.seal(group, generation)]).toEqual([1, 1]);
        for (const value of [1, 2]) {
          const late = groups.stage(group, generation, [member('a', value)]);
          await expect(late).rejects.toMatchObject({ code: 'E_GENERATION_STATE', problem: 'sealed' });
        }
        expect(await groups.read(group, generation, ['a', 'b'])).toEqual(['1', null]);
      });

      it('that races with the seal is either in it or refused', async () => {
        const group = fresh();
        const generation = await groups.begin(group);
        await groups.stage(group, generation, [member('first', 0)]);
        const keys = Array.from({ length: 40 }, (_, n) => `k${n}`);
        const outcomes = keys.map((key) =>
          groups.stage(group, generation, [member(key, key)]).then(
            () => true,
            (error: { code: string }) =>
              error.code === 'E_GENERATION_STATE' ? false : Promise.reject(error),
          ),
        );
        const total = await groups.seal(group, generation);
        const admitted = await Promise.all(outcomes);
        expect(admitted.filter(Boolean)).toHaveLength(total - 1);
        const values = await groups.read(group, generation, keys);
        expect(values.map((value) => value !== null)).toEqual(admitted);
      });

      it('is refused beyond the number of generations that a group keeps', async () => {
        const group = fresh();
        for (let count = 0; count < GENERATIONS_MAX; count += 50)
          await Promise.all(Array.from({ length: 50 }, () => groups.begin(group)));
        await expect(groups.begin(group)).rejects.toMatchObject({ code: 'E_TOO_MANY_GENERATIONS' });
        expect(await groups.collect(group, AT_ONCE)).toHaveLength(GENERATIONS_MAX);
        await groups.begin(group);
      });
    });

    describe('pages', () => {
      it('list every member once, in any size, and only of a sealed generation', async () => {
        const group = fresh();
        const generation = await groups.begin(group);
        const members = ['b', 'a', '\u{1F600}', '\uFFFD', '%3A', 'a:b', 'Z', ''].map((key) =>
          member(key, key),
        );
        await groups.stage(group, generation, members);
        await expect(groups.page(group, generation, null, 10)).rejects.toMatchObject({ problem: 'open' });
        await groups.seal(group, generation);
        for (const limit of [1, 3, members.length, MEMBER_BATCH_MAX]) {
          const listed: StagedMember[] = [];
          for (let after: string | null = null; ;) {
            const page: StagedMember[] = await groups.page(group, generation, after, limit);
            if (page.length === 0) break;
            expect(page.length).toBeLessThanOrEqual(limit);
            listed.push(...page);
            after = page.at(-1)!.key;
          }
          expect(listed).toHaveLength(members.length);
          expect(new Set(listed.map(({ key }) => key))).toEqual(new Set(members.map(({ key }) => key)));
          for (const { key, value } of listed) expect(JSON.parse(value)).toBe(key);
        }
        await expect(groups.page(group, '9.9', null, 10)).rejects.toMatchObject({
          code: 'E_GENERATION_GONE',
        });
        await expect(groups.page(group, generation, null, MEMBER_BATCH_MAX + 1)).rejects.toMatchObject({
          code: 'E_CONFIGURATION',
        });
      });
    });

    describe('swaps', () => {
      it('make a generation current, and raise the version of the pointer with their commit', async () => {
        const group = fresh();
        const since = (await source.changes(null, { limit: 10 })).horizon;
        const first = await staged(group, 1);
        const one = await groups.swap(group, first, {});
        expect(one.value).toEqual({ generation: first, previous: null });
        const second = await staged(group, 2);
        const two = await groups.swap(group, second, { from: first });
        expect(two.value).toEqual({ generation: second, previous: first });
        expect(two.invalidations.map(({ key }) => key)).toEqual([`group:${group}`]);
        expect(compareVersions(two.invalidations[0]!.version, one.invalidations[0]!.version)).toBeGreaterThan(
          0,
        );
        expect(await versionOf(group)).toBe(two.invalidations[0]!.version.n);
        expect((await readChanges(source, since)).changes).toContainEqual(two.invalidations[0]);
        expect(await groups.current(group)).toBe(second);
        expect(await groups.read(group, first, ['a'])).toEqual(['1']);
        expect(await states(group)).toEqual(['retired', 'current']);
      });

      it('to what is current already change nothing, so that they can be repeated', async () => {
        const group = fresh();
        const first = await swapped(group, 1);
        const second = await staged(group, 2);
        await groups.swap(group, second, { from: first });
        const version = await versionOf(group);
        const again = await groups.swap(group, second, { from: first });
        expect(again).toEqual({ value: { generation: second, previous: second }, invalidations: [] });
        expect(await versionOf(group)).toBe(version);
      });

      it('of several at the same time from the same generation, exactly one wins', async () => {
        const group = fresh();
        for (const from of [null, await swapped(group, 0)]) {
          const contested = from === null ? fresh() : group;
          const rivals = await Promise.all(Array.from({ length: 6 }, (_, n) => staged(contested, n)));
          const results = await Promise.allSettled(rivals.map((to) => groups.swap(contested, to, { from })));
          const won = results.flatMap((result, i) => (result.status === 'fulfilled' ? [rivals[i]!] : []));
          expect(won).toEqual([await groups.current(contested)]);
          for (const result of results) {
            if (result.status === 'fulfilled') continue;
            expect(result.reason).toMatchObject({ code: 'E_SWAP_CONFLICT', expected: from, current: won[0] });
          }
        }
      });

      it('at the same time, each follow on the one before, in the order of their versions', async () => {
        const group = fresh();
        const rivals = await Promise.all(Array.from({ length: 12 }, (_, n) => staged(group, n)));
        const results = await Promise.all(rivals.map((to) => groups.swap(group, to, {})));
        const inOrder = results.toSorted((a, b) =>
          compareVersions(a.invalidations[0]!.version, b.invalidations[0]!.version),
        );
        expect(inOrder.map(({ value }) => value.previous)).toEqual([
          null,
          ...inOrder.slice(0, -1).map(({ value }) => value.generation),
        ]);
        expect(await groups.current(group)).toBe(inOrder.at(-1)!.value.generation);
        expect((await states(group)).filter((state) => state === 'current')).toHaveLength(1);
      });
    });

    describe('rollbacks', () => {
      it('go to the one that became current before, step by step, each with a new version', async () => {
        const group = fresh();
        const [one, two] = [await staged(group, 1), await staged(group, 2)];
        // Not in the order in which they were begun.
        await groups.swap(group, two, {});
        await groups.swap(group, one, {});
        const three = await swapped(group, 3);
        const before = await versionOf(group);
        const back = await groups.rollback(group, null, {});
        expect(back.value).toEqual({ generation: one, previous: three });
        expect(back.invalidations[0]!.version.n).toBeGreaterThan(before);
        expect((await groups.rollback(group, null, {})).value.generation).toBe(two);
        await expect(groups.rollback(group, null, {})).rejects.toMatchObject({ code: 'E_GROUP_EMPTY' });
        expect((await groups.rollback(group, three, { from: two })).value.generation).toBe(three);
        expect((await groups.rollback(group, null, {})).value.generation).toBe(one);
      });

      it('go only to what was current before, and only from what is expected', async () => {
        const group = fresh();
        await expect(groups.rollback(group, null, {})).rejects.toMatchObject({ code: 'E_GROUP_EMPTY' });
        const first = await swapped(group, 1);
        const second = await swapped(group, 2);
        const never = await staged(group, 3);
        await expect(groups.rollback(group, never, {})).rejects.toMatchObject({ problem: 'never-current' });
        await expect(groups.rollback(group, null, { from: first })).rejects.toMatchObject({
          code: 'E_SWAP_CONFLICT',
          current: second,
        });
        expect(await groups.current(group)).toBe(second);
      });
    });

    it('keeps groups apart, and knows no generation by another group or another name', async () => {
      const [group, stranger] = [fresh(), fresh()];
      const generation = await swapped(group, 1);
      const [era, n] = generation.split('.');
      for (const foreign of [
        `${era}.0${n}`,
        `${era}.999999999`,
        `9${era}.${n}`,
        'x',
        '',
        '1',
        '1.2.3',
        '-1.1',
      ]) {
        await expect(groups.read(group, foreign, ['a'])).rejects.toMatchObject({ code: 'E_GENERATION_GONE' });
        await expect(groups.swap(group, foreign, {})).rejects.toMatchObject({ code: 'E_GENERATION_GONE' });
      }
      await expect(groups.read(stranger, generation, ['a'])).rejects.toMatchObject({
        code: 'E_GENERATION_GONE',
      });
      await expect(groups.swap(stranger, generation, {})).rejects.toMatchObject({
        code: 'E_GENERATION_GONE',
      });
      for (const bad of ['', 'A', 'a:b', '{a}', `a'b`, 'x'.repeat(65)]) {
        await expect(groups.begin(bad)).rejects.toMatchObject({ code: 'E_KEY' });
        await expect(groups.current(bad)).rejects.toMatchObject({ code: 'E_KEY' });
      }
      expect(await groups.list(stranger)).toEqual([]);
    });

    it('lets nobody finish, after the source went back in time, what was begun before', async () => {
      const group = fresh();
      const sealed = await staged(group, 'sealed');
      const open = await groups.begin(group);
      await groups.stage(group, open, [member('a', 'half')]);
      const { era } = (await source.labels([])).asOf;
      await source.changes({ era, xid: 2 ** 52 }, { limit: 1 });
      expect((await source.labels([])).asOf.era).toBeGreaterThan(era);
      // Caches may hold what the abandoned future staged under this name.
      await expect(groups.stage(group, open, [member('b', 1)])).rejects.toMatchObject({ problem: 'era' });
      await expect(groups.seal(group, open)).rejects.toMatchObject({ problem: 'era' });
      await groups.swap(group, sealed, {});
      expect(await groups.read(group, sealed, ['a'])).toEqual(['"sealed"']);
      expect((await groups.begin(group)).split('.')[0]).not.toBe(sealed.split('.')[0]);
    });

    it('rejects everything once closed', async () => {
      const other = await harness.another();
      await other.close();
      const closed = { code: 'E_SOURCE_UNAVAILABLE' };
      await expect(other.groups!.current('prices')).rejects.toMatchObject(closed);
      await expect(other.groups!.begin('prices')).rejects.toMatchObject(closed);
      await expect(other.groups!.swap('prices', '1.1', {})).rejects.toMatchObject(closed);
    });
  });
  groupCollection(name, factory);
}
