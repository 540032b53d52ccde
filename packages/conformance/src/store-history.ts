import { type RetainedValue, RETAIN_MAX, type Store } from '@tidemark/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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

const LIFE_MS = 60_000;

/** Histories of keys: facts that no fill, invalidation or epoch takes away. */
export function storeHistory(name: string, open: OpenStore): void {
  describe(`store: histories of ${name}`, () => {
    let harness: StoreHarness;
    let store: Store;

    beforeEach(async () => {
      harness = await open();
      store = harness.store;
      await store.initialise('life-1', START);
    });
    afterEach(() => harness.close());

    function retain(n: number, { era = 1, keep = 3, value = `v${n}`, key = KEY } = {}): Promise<void> {
      return store.retain(key, { version: version(n, era), schema: 2, data: bytes(value) }, keep, LIFE_MS);
    }
    async function shown(key = KEY): Promise<[string, string | null][]> {
      return (await store.retained(key)).map(({ version: { era, n }, data }) => [`${era}.${n}`, text(data)]);
    }

    it('is empty for a key that was never retained', async () => {
      expect(await store.retained(KEY)).toEqual([]);
    });

    it('keeps the newest versions in order, whatever order they come in', async () => {
      for (const n of [5, 2, 9, 100, 7, 1]) await retain(n);
      expect(await shown()).toEqual([
        ['1.100', 'v100'],
        ['1.9', 'v9'],
        ['1.7', 'v7'],
      ]);
      expect(await shown('city:2')).toEqual([]);
    });

    it('knows one value of a version: the last one', async () => {
      await retain(1, { value: 'first' });
      await retain(1, { value: 'again' });
      expect(await shown()).toEqual([['1.1', 'again']]);
    });

    it('keeps absence, empty values, binary ones, schema and time', async () => {
      const odd = Uint8Array.from([0, 255, 123, 10, 0xd5]);
      await store.retain(KEY, { version: version(1), schema: 0, data: null }, RETAIN_MAX, LIFE_MS);
      await store.retain(KEY, { version: version(2), schema: 4_294_967_295, data: odd }, RETAIN_MAX, LIFE_MS);
      await store.retain(
        KEY,
        { version: version(2 ** 53 - 1), schema: 1, data: bytes('') },
        RETAIN_MAX,
        LIFE_MS,
      );
      const { nowMs } = await store.read([]);
      const history = await store.retained(KEY);
      expect(history.map(({ schema }) => schema)).toEqual([1, 4_294_967_295, 0]);
      expect(history.map(({ data }) => data && [...data])).toEqual([[], [...odd], null]);
      expect(history[0]!.version.n).toBe(2 ** 53 - 1);
      for (const { filledAtMs } of history) expect(Math.abs(nowMs - filledAtMs)).toBeLessThan(10_000);
    });

    it('forgets older eras, and takes nothing of them any more', async () => {
      await retain(50);
      await retain(3, { era: 2 });
      await retain(60);
      expect(await shown()).toEqual([['2.3', 'v3']]);
    });

    it('shrinks when fewer are asked for', async () => {
      for (const n of [1, 2, 3]) await retain(n);
      await retain(4, { keep: 1 });
      expect(await shown()).toEqual([['1.4', 'v4']]);
    });

    it('survives what happens to the record', async () => {
      const { meta } = await store.read([]);
      await retain(1);
      await store.fill(fillOf(meta!));
      await store.raise([{ key: KEY, version: version(5) }]);
      await store.raiseEpoch(START);
      expect(await shown()).toEqual([['1.1', 'v1']]);
      expect((await store.read([KEY])).records[0]?.tidemark).toEqual(version(5));
      const listed: string[] = [];
      for await (const page of store.keys()) listed.push(...page);
      expect(listed).toEqual([KEY]);
    });

    it('is lost with the store', async () => {
      await retain(1);
      await harness.clear();
      expect(await store.retained(KEY)).toEqual([]);
    });

    it('is the same whatever writers race', async () => {
      await Promise.all(Array.from({ length: 30 }, (_, n) => retain(n, { keep: 5 })));
      const history: readonly RetainedValue[] = await store.retained(KEY);
      expect(history.map(({ version: { n } }) => n)).toEqual([29, 28, 27, 26, 25]);
    });
  });
}
