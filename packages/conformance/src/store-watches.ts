import { type Dependency, judgeDependency, type StoreMeta, type Watch } from '@tidemark/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  bytes,
  fillOf,
  KEY,
  type OpenStore,
  position,
  START,
  type StoreHarness,
  version,
} from './store-harness.ts';

const TAG = 'tag:a';

/** What keeps a value from outliving what it was made from. */
export function storeWatches(name: string, open: OpenStore): void {
  describe(`watched dependencies: ${name}`, () => {
    let harness: StoreHarness;
    let meta: StoreMeta;

    beforeEach(async () => {
      harness = await open({ tombstoneTtlMs: 200 });
      meta = await harness.store.initialise('life-1', START);
    });
    afterEach(async () => {
      await harness.close();
    });

    function watchOf(changes: Partial<Watch> = {}): Watch {
      return { key: TAG, version: version(5), scope: 0, asOf: meta.horizon, lifeMs: 60_000, ...changes };
    }

    function dependencyOf(changes: Partial<Dependency> = {}): Dependency {
      const { incarnation, epoch } = meta;
      return { key: TAG, version: version(5), scope: 0, incarnation, epoch, ...changes };
    }

    async function judged(dependency: Dependency): Promise<boolean> {
      const answer = await harness.store.read([dependency.key]);
      return judgeDependency(answer.meta, answer.records[0]!, dependency);
    }

    async function verdict(watch: Watch): Promise<string> {
      return (await harness.store.watch(watch)).verdict;
    }

    it('are told apart from what was forgotten', async () => {
      expect(await judged(dependencyOf())).toBe(false);
      expect(await harness.store.watch(watchOf())).toEqual({ verdict: 'admitted', meta });
      expect(await judged(dependencyOf())).toBe(true);
      expect(await judged(dependencyOf({ version: version(4) }))).toBe(false);
    });

    it('rise with any event, in any order, and never go back', async () => {
      await harness.store.watch(watchOf());
      await harness.store.raise([{ key: TAG, version: version(4) }]);
      await harness.store.raise([{ key: TAG, version: version(5) }]);
      expect(await judged(dependencyOf())).toBe(true);
      await harness.store.raise([{ key: TAG, version: version(6) }]);
      expect(await judged(dependencyOf())).toBe(false);
      expect(await verdict(watchOf())).toBe('below-tidemark');
      expect(await verdict(watchOf({ version: version(6) }))).toBe('admitted');
    });

    it('outlive other tidemarks: a raise after them does not shorten their life', async () => {
      await harness.store.watch(watchOf());
      await harness.store.raise([
        { key: TAG, version: version(5) },
        { key: KEY, version: version(5) },
      ]);
      harness.tick?.(300);
      await vi.waitFor(async () => expect((await harness.store.read([KEY])).records[0] ?? null).toBeNull(), {
        timeout: 10_000,
        interval: 20,
      });
      expect(await judged(dependencyOf())).toBe(true);
    });

    it('are refused when they may have risen and been forgotten', async () => {
      await harness.store.apply({
        invalidations: [],
        expect: null,
        mark: 'm1',
        advance: { from: START, to: position(100, 2) }, // A new era: all before it is forgotten.
      });
      expect(await verdict(watchOf())).toBe('base');
      await harness.clear();
      expect(await verdict(watchOf())).toBe('uninitialised');
    });

    it('belong to one life and one epoch of the store', async () => {
      const { store } = harness;
      await store.watch(watchOf());
      await store.raiseEpoch(position(100));
      expect(await judged(dependencyOf())).toBe(false);
      expect(await judged(dependencyOf({ epoch: 1 }))).toBe(true);
      await harness.clear();
      meta = await store.initialise('life-2', START);
      await store.raise([{ key: TAG, version: version(5) }]);
      expect(await judged(dependencyOf({ incarnation: 'life-1' }))).toBe(false);
    });

    it('rise with their keyspace, and may be a whole keyspace', async () => {
      const { store } = harness;
      const town = { key: 'town:1', version: version(5) };
      const whole = { key: 'town', version: version(3), scope: 3 };
      expect(await verdict(watchOf({ ...town, scope: 3 }))).toBe('admitted');
      expect(await verdict(watchOf(whole))).toBe('admitted');
      expect(await judged(dependencyOf({ ...town, scope: 3 }))).toBe(true);
      expect(await judged(dependencyOf(whole))).toBe(true);
      await store.raise([{ key: 'town', version: version(4) }]);
      expect(await judged(dependencyOf({ ...town, scope: 3 }))).toBe(false);
      expect(await judged(dependencyOf(whole))).toBe(false);
      expect(await verdict(watchOf(whole))).toBe('scope');
    });

    it('travel with the value, next to any bytes', async () => {
      const { store } = harness;
      const dependencies = [
        dependencyOf(),
        dependencyOf({ key: 'tag:ü"%7B\\', version: version(2 ** 53 - 1) }),
      ];
      await store.fill(fillOf(meta, { data: bytes('value'), dependencies }));
      await store.fill(fillOf(meta, { key: 'city:2', data: null, dependencies }));
      const { records } = await store.read([KEY, 'city:2']);
      expect(records.map((record) => record!.value!.dependencies)).toEqual([dependencies, dependencies]);
      expect(new TextDecoder().decode(records[0]!.value!.data!)).toBe('value');
      expect(records[1]!.value!.data).toBeNull();
    });
  });
}
