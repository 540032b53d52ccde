import { type Advance, judgeRecord, type StoreMeta } from '@tidemark/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  bytes,
  fillOf,
  KEY,
  type OpenStore,
  position,
  START,
  type StoreHarness,
  text,
  version,
} from './store-harness.ts';

/** The race that Tidemark exists for, step by step: a load begins, another region writes, the fill comes late. */
export function storeRaces(name: string, open: OpenStore): void {
  describe(`stale-fill race: ${name}`, () => {
    let harness: StoreHarness;
    let meta: StoreMeta;

    beforeEach(async () => {
      harness = await open();
      meta = await harness.store.initialise('life-1', START);
    });
    afterEach(async () => {
      await harness.close();
    });

    async function served(): Promise<string | null> {
      const answer = await harness.store.read([KEY]);
      const [record] = answer.records;
      return judgeRecord(answer.meta!, record!, 'city', 1, 0) === 'fresh' ? text(record!.value!.data) : null;
    }

    it('the late fill of the old value is refused, the fill of the new one admitted', async () => {
      const { store } = harness;
      // 1. A reader misses, leases, and loads version 1; the answer is on its way.
      await store.lease(KEY, 'reader', 60_000);
      const late = fillOf(meta, { version: version(1), data: bytes('old'), lease: 'reader' });
      // 2. Another region commits version 2; its event is applied here.
      await store.apply({ invalidations: [{ key: KEY, version: version(2) }], expect: null, mark: 'm1' });
      // 3. The fill arrives.
      expect(await store.fill(late)).toBe('below-tidemark');
      expect(await served()).toBeNull();
      expect(await store.fill(fillOf(meta, { version: version(2), data: bytes('new') }))).toBe('admitted');
      expect(await served()).toBe('new');
      // 4. The zombie tries again, after the new value is there.
      expect(await store.fill(late)).toBe('below-tidemark');
      expect(await served()).toBe('new');
    });

    it('the naive order serves the old value, and nothing will ever mend it', async () => {
      const { naive } = harness;
      expect(await naive.get(KEY)).toBeNull();
      const late = 'old';
      await naive.del(KEY); // The invalidation of version 2.
      await naive.set(KEY, late);
      expect(await naive.get(KEY)).toBe('old');
    });

    it('the old fill is refused when the store was emptied meanwhile', async () => {
      const { store } = harness;
      const late = fillOf(meta, { version: version(1) });
      await store.raise([{ key: KEY, version: version(2) }]);
      await harness.clear();
      expect(await store.fill(late)).toBe('uninitialised');
      await store.initialise('life-2', position(110));
      expect(await store.fill(late)).toBe('incarnation');
      expect(await served()).toBeNull();
    });

    it('the old fill is refused when its tombstone expired meanwhile', async () => {
      const tombstoneTtlMs = 300;
      const short = await open({ tombstoneTtlMs });
      try {
        const first = await short.store.initialise('life-1', START);
        const late = fillOf(first, { version: version(1), data: bytes('old') });
        // The event and the barrier that covers it.
        let xid = START.xid + 1;
        const event = { key: KEY, version: version(2) };
        const barrier = (): Advance => ({ from: position(xid), to: position((xid += 1)) });
        const applied = {
          invalidations: [event],
          expect: null,
          mark: 'm',
          advance: { from: START, to: position(xid) },
        };
        await short.store.apply(applied);
        // Barriers come as they always do, until the tidemark is gone.
        await vi.waitFor(
          async () => {
            await short.store.apply({ invalidations: [], expect: null, mark: 'm', advance: barrier() });
            expect(await short.store.fill(late)).not.toBe('admitted');
            expect((await short.store.read([KEY])).records).toEqual([null]);
          },
          { interval: 10, timeout: 10_000 },
        );
        expect(await short.store.fill(late)).toBe('base');
        const { meta: now } = await short.store.read([]);
        expect(await short.store.fill(fillOf(now!, { version: version(2) }))).toBe('admitted');
      } finally {
        await short.close();
      }
    });

    it('the old fill is refused after an epoch or a flush of its keyspace', async () => {
      const { store } = harness;
      await store.raise([{ key: 'city', version: version(9) }]);
      expect(await store.fill(fillOf(meta, { version: version(1), scope: 8 }))).toBe('scope');
      await store.raiseEpoch(START);
      expect(await store.fill(fillOf(meta, { version: version(1), scope: 9 }))).toBe('epoch');
      expect(await served()).toBeNull();
    });

    it('a value without a version: the event voids its lease, and with it the late fill', async () => {
      const { store } = harness;
      await store.lease(KEY, 'reader', 60_000);
      const late = fillOf(meta, { version: null, data: bytes('old'), lease: 'reader' });
      await store.apply({ invalidations: [{ key: KEY, version: version(2) }], expect: null, mark: 'm1' });
      expect(await store.fill(late)).toBe('lease');
      expect(await served()).toBeNull();
    });

    it('a fill read before forgotten tidemarks is refused', async () => {
      const { store } = harness;
      await harness.clear();
      const fresh = await store.initialise('life-2', position(110));
      expect(await store.fill(fillOf(fresh, { version: version(1), asOf: position(109) }))).toBe('base');
      expect(await store.fill(fillOf(fresh, { version: version(1), asOf: position(110) }))).toBe('admitted');
    });

    it('a fill whose miss saw a later state is refused by a store that went back', async () => {
      const { store } = harness;
      const seen = { ...meta, revision: meta.revision + 3 };
      expect(await store.fill(fillOf(seen))).toBe('rolled-back');
      expect(await store.fill(fillOf(meta))).toBe('admitted');
    });

    it('an older value never replaces a newer one, in whatever order fills arrive', async () => {
      const { store } = harness;
      expect(await store.fill(fillOf(meta, { version: version(6), data: bytes('six') }))).toBe('admitted');
      expect(await store.fill(fillOf(meta, { version: version(5), data: bytes('five') }))).toBe(
        'below-tidemark',
      );
      expect(await served()).toBe('six');
    });
  });
}
