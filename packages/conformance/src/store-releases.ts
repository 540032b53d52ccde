import { compareVersions, type Fill, judgeRecord, type StoreMeta } from '@tidemark/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  bytes,
  fillOf,
  KEY,
  type OpenStore,
  START,
  type StoreHarness,
  text,
  version,
} from './store-harness.ts';

/** Releases with different versions of a keyspace's schema that share a store, as they do while a deploy rolls. */
export function storeReleases(name: string, open: OpenStore): void {
  describe(`releases side by side: ${name}`, () => {
    let harness: StoreHarness;
    let meta: StoreMeta;

    beforeEach(async () => {
      harness = await open();
      meta = await harness.store.initialise('life-1', START);
    });
    afterEach(async () => {
      await harness.close();
    });

    /** What a release may serve. */
    async function served(schema: number): Promise<string | null> {
      const answer = await harness.store.read([KEY], schema);
      const record = answer.records[0]!;
      const judged = judgeRecord(answer.meta!, record, 'city', schema, 0);
      return judged === 'fresh' ? text(record.value!.data) : null;
    }

    /** A fill by a process that saw what the store shows it. */
    async function fill(schema: number, value: string, changes: Partial<Fill> = {}): Promise<string> {
      const { records } = await harness.store.read([KEY], schema);
      const replaces = records[0]?.value?.filledAtMs ?? null;
      return harness.store.fill(fillOf(meta, { schema, data: bytes(value), replaces, ...changes }));
    }

    it.each([
      [1, 2],
      [2, 1],
    ])('%d fills, then %d: each reads its own', async (first, second) => {
      expect(await fill(first, `of ${first}`)).toBe('admitted');
      expect(await served(second)).toBeNull();
      expect(await fill(second, `of ${second}`)).toBe('admitted');
      expect([await served(1), await served(2)]).toEqual(['of 1', 'of 2']);
      // Whoever does not say which, as a process of the newer release does first, gets the newer one's.
      const { records } = await harness.store.read([KEY]);
      expect(text(records[0]!.value!.data)).toBe('of 2');
    });

    it('a tidemark voids both, whichever fills again', async () => {
      for (const refills of [1, 2]) {
        await fill(1, 'old of 1');
        await fill(2, 'old of 2');
        const { tidemark } = (await harness.store.read([KEY])).records[0]!;
        const risen = version(tidemark.n + 1);
        await harness.store.raise([{ key: KEY, version: risen }]);
        expect([await served(1), await served(2)]).toEqual([null, null]);
        // The zombie of either release.
        expect(await fill(1, 'zombie', { version: tidemark })).toBe('below-tidemark');
        expect(await fill(2, 'zombie', { version: tidemark })).toBe('below-tidemark');
        expect(await fill(refills, 'new', { version: risen })).toBe('admitted');
        expect([await served(refills), await served(3 - refills)]).toEqual(['new', null]);
        await harness.store.raise([{ key: KEY, version: version(risen.n + 1) }]);
        meta = (await harness.store.read([])).meta!;
        await fill(1, 'next', { version: version(risen.n + 1) });
      }
    });

    it('a fill of a newer version by either voids the other’s value', async () => {
      await fill(1, 'one', { version: version(1) });
      await fill(2, 'two', { version: version(1) });
      expect(await fill(1, 'newer', { version: version(2) })).toBe('admitted');
      expect([await served(1), await served(2)]).toEqual(['newer', null]);
      expect(await fill(2, 'late', { version: version(1) })).toBe('below-tidemark');
      expect(await fill(2, 'newer of 2', { version: version(2) })).toBe('admitted');
      expect([await served(1), await served(2)]).toEqual(['newer', 'newer of 2']);
    });

    it('each release’s values are replaced only as it saw them', async () => {
      await fill(2, 'of 2');
      await fill(1, 'of 1');
      for (const schema of [1, 2]) {
        expect(await fill(schema, 'unseen', { replaces: null })).toBe('refilled');
        expect(await served(schema)).toBe(`of ${schema}`);
        expect(await fill(schema, 'seen')).toBe('admitted');
        expect(await served(schema)).toBe('seen');
        expect(await fill(schema, `of ${schema}`)).toBe('admitted');
      }
    });

    it('no more than two are kept: the newest, and the other that was filled last', async () => {
      for (const schema of [2, 1, 3]) await fill(schema, `of ${schema}`);
      const seen = await Promise.all([1, 2, 3].map(served));
      expect(seen[2]).toBe('of 3');
      expect(seen.filter((each) => each !== null)).toEqual(['of 2', 'of 3']);
      await fill(1, 'of 1');
      expect(await Promise.all([1, 2, 3].map(served))).toEqual(['of 1', null, 'of 3']);
    });

    it('a value without a version keeps the other release’s, too', async () => {
      await harness.store.raise([{ key: KEY, version: version(1) }]);
      await harness.store.lease(KEY, 'a', 60_000);
      expect(await fill(1, 'of 1', { version: null, lease: 'a' })).toBe('admitted');
      await harness.store.lease(KEY, 'b', 60_000);
      expect(await fill(2, 'of 2', { version: null, lease: 'b' })).toBe('admitted');
      expect([await served(1), await served(2)]).toEqual(['of 1', 'of 2']);
    });

    it('what was beside a forgotten tidemark does not come back', async () => {
      const short = await open({ tombstoneTtlMs: 60 });
      try {
        const { store } = short;
        const now = await store.initialise('life-1', START);
        // Without versions, a value's label says nothing once the tidemark is forgotten: it is that of before.
        const unversioned = async (schema: number, freshMs: number): Promise<string> => {
          await store.lease(KEY, 'a', 60_000);
          return store.fill(
            fillOf(now, { schema, freshMs, data: bytes('old'), version: null, replaces: null, lease: 'a' }),
          );
        };
        expect(await unversioned(1, 60_000)).toBe('admitted');
        expect(await unversioned(2, 1)).toBe('admitted');
        await store.raise([{ key: KEY, version: version(1) }]);
        short.tick?.(1_000);
        await vi.waitFor(async () => expect((await store.read([KEY])).records).toEqual([null]), {
          timeout: 10_000,
          interval: 5,
        });
        expect(await unversioned(2, 60_000)).toBe('admitted');
        expect((await store.read([KEY], 1)).records[0]?.value?.schema).toBe(2);
      } finally {
        await short.close();
      }
    });

    it('absence is a value of a release like any other', async () => {
      await fill(1, 'there');
      expect(await fill(2, '', { data: null })).toBe('admitted');
      const read = async (schema: number) => (await harness.store.read([KEY], schema)).records[0]!;
      expect((await read(2)).value).toMatchObject({ schema: 2, data: null });
      const { value, tidemark } = await read(1);
      expect(text(value!.data)).toBe('there');
      expect(compareVersions(value!.version, tidemark)).toBe(0);
    });
  });
}
