import { judgeRecord, type Store, type StoreMeta } from '@tidemark/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  bytes,
  fillOf,
  KEY,
  OTHER,
  type OpenStore,
  position,
  START,
  type StoreHarness,
  text,
  version,
} from './store-harness.ts';
import { storeHistory } from './store-history.ts';
import { storePopularity } from './store-popularity.ts';
import { storeRaces } from './store-races.ts';
import { storeReleases } from './store-releases.ts';
import { storeWatches } from './store-watches.ts';

/** Every promise of the store port. `open` gives each test a new, empty store. */
export function storeSuite(name: string, open: OpenStore): void {
  describe(`store: ${name}`, () => {
    let harness: StoreHarness;
    let store: Store;
    let meta: StoreMeta;

    beforeEach(async () => {
      harness = await open();
      store = harness.store;
      meta = await store.initialise('life-1', START);
    });
    afterEach(async () => {
      await harness.close();
    });

    async function judged(key = KEY): Promise<string> {
      const answer = await store.read([key]);
      return judgeRecord(answer.meta!, answer.records[0]!, 'city', 1, 0);
    }

    describe('an empty store', () => {
      beforeEach(() => harness.clear());

      it('has no meta, hides records and refuses fills', async () => {
        expect(await store.read([KEY])).toMatchObject({ meta: null });
        expect(await store.fill(fillOf(meta))).toBe('uninitialised');
      });

      it('keeps tidemarks that come before its meta', async () => {
        const batch = { invalidations: [{ key: KEY, version: version(7) }], expect: null, mark: 'm1' };
        expect((await store.apply(batch)).outcome).toBe('uninitialised');
        const fresh = await store.initialise('life-2', START);
        expect(await store.fill(fillOf(fresh, { version: version(6) }))).toBe('below-tidemark');
        expect(await store.fill(fillOf(fresh, { version: version(7) }))).toBe('admitted');
      });

      it('is initialised only with what was applied to it since it was found empty', async () => {
        const edge = [{ key: KEY, version: version(9) }];
        await store.apply({ invalidations: edge, expect: null, mark: 'edge-1' });
        await store.apply({ invalidations: [], expect: 'edge-1', mark: 'edge-2' });
        await harness.clear();
        const lost = store.initialise('life-2', START, 'edge-2');
        await expect(lost).rejects.toMatchObject({ code: 'E_STORE_UNAVAILABLE' });
        // The second part alone, repeated by a client library: the first is not there.
        await store.apply({ invalidations: [], expect: 'edge-1', mark: 'edge-2' });
        await expect(store.initialise('life-2', START, 'edge-2')).rejects.toMatchObject({
          code: 'E_STORE_UNAVAILABLE',
        });
        await store.apply({ invalidations: edge, expect: null, mark: 'edge-3' });
        expect(await store.initialise('life-2', START, 'edge-3')).toMatchObject({ incarnation: 'life-2' });
        expect((await store.read([KEY])).records[0]).toMatchObject({ tidemark: version(9) });
      });

      it('is initialised once', async () => {
        expect(await store.initialise('life-2', START)).toMatchObject({ incarnation: 'life-2', base: START });
        expect(await store.initialise('life-3', position(900))).toMatchObject({
          incarnation: 'life-2',
          horizon: START,
        });
      });
    });

    describe('records', () => {
      it('come back as they were filled, in the order asked', async () => {
        const big = bytes('x'.repeat(1_000_000));
        await store.fill(fillOf(meta, { key: 'city:2', data: bytes('two') }));
        await store.fill(fillOf(meta, { key: 'city:3', data: big, version: version(2 ** 53 - 1) }));
        await store.fill(fillOf(meta, { key: 'city:4', data: null }));
        const { records } = await store.read(['city:3', 'city:9', 'city:2', 'city:4']);
        expect(records[0]?.value?.version.n).toBe(2 ** 53 - 1);
        expect(records[0]?.value?.data?.byteLength).toBe(1_000_000);
        expect(records[1]).toBeNull();
        expect(text(records[2]?.value?.data)).toBe('two');
        expect(records[3]?.value).toMatchObject({
          data: null,
          version: version(1),
          schema: 1,
          freshMs: 60_000,
        });
      });

      it('are listed by key', async () => {
        const keys = ['city:1', 'city:a%3Ab', 'city:ü'];
        for (const key of keys) await store.fill(fillOf(meta, { key }));
        await store.lease('city:held', 'token', 1_000);
        const listed: string[] = [];
        for await (const page of store.keys()) listed.push(...page);
        expect(listed.sort()).toEqual([...keys].sort());
      });

      it('live as long as tombstones must, and then are gone', async () => {
        const short = await open({ tombstoneTtlMs: 60 });
        try {
          const shortMeta = await short.store.initialise('life', START);
          await short.store.fill(fillOf(shortMeta, { freshMs: 10 }));
          await short.store.raise([{ key: 'city:2', version: version(3) }]);
          expect((await short.store.read(['city:2'])).records[0]?.tidemark).toEqual(version(3));
          await vi.waitFor(
            async () => expect((await short.store.read([KEY, 'city:2'])).records).toEqual([null, null]),
            {
              interval: 10,
            },
          );
        } finally {
          await short.close();
        }
      });
    });

    describe('raise', () => {
      it('is a maximum: late, repeated and reordered events change nothing', async () => {
        for (const n of [5, 3, 9, 9, 1]) await store.raise([{ key: KEY, version: version(n) }]);
        await store.raise([{ key: KEY, version: version(2, 2) }]);
        await store.raise([{ key: KEY, version: version(1_000, 1) }]);
        expect((await store.read([KEY])).records[0]?.tidemark).toEqual(version(2, 2));
      });

      it('makes the value below it unservable', async () => {
        await store.fill(fillOf(meta, { version: version(4) }));
        expect(await judged()).toBe('fresh');
        await store.raise([{ key: KEY, version: version(4) }]);
        expect(await judged()).toBe('fresh');
        await store.raise([{ key: KEY, version: version(5) }]);
        // A store may drop what nobody may be served any more.
        expect(['below-tidemark', 'absent']).toContain(await judged());
      });

      it('of a scope key voids the whole keyspace, and only it', async () => {
        await store.fill(fillOf(meta, { key: 'city:1' }));
        await store.fill(fillOf(meta, { key: 'town:1' }));
        await store.raise([{ key: 'city', version: version(8) }]);
        const answer = await store.read(['city:1', 'town:1']);
        expect(judgeRecord(answer.meta!, answer.records[0]!, 'city', 1, 0)).toBe('void');
        expect(judgeRecord(answer.meta!, answer.records[1]!, 'town', 1, 0)).toBe('fresh');
        expect(await store.fill(fillOf(meta, { scope: 7 }))).toBe('scope');
        expect(await store.fill(fillOf(meta, { scope: 8 }))).toBe('admitted');
      });
    });

    describe('lease', () => {
      it('has one holder, until it is released or expires', async () => {
        expect(await store.lease(KEY, 'a', 60_000)).toEqual({ granted: true });
        expect(await store.lease(KEY, 'b', 60_000)).toEqual({ granted: false });
        expect(await store.lease(KEY, 'a', 60_000)).toEqual({ granted: true });
        await store.release(KEY, 'b');
        expect(await store.lease(KEY, 'b', 60_000)).toEqual({ granted: false });
        await store.release(KEY, 'a');
        expect(await store.lease(KEY, 'b', 20)).toEqual({ granted: true });
        await vi.waitFor(async () => expect(await store.lease(KEY, 'c', 60_000)).toEqual({ granted: true }), {
          interval: 5,
        });
      });

      it('is voided by an invalidation, which refuses only a fill without a version', async () => {
        await store.lease(KEY, 'a', 60_000);
        await store.raise([{ key: KEY, version: version(2) }]);
        expect(await store.lease(KEY, 'b', 60_000)).toEqual({ granted: true });
        expect(await store.fill(fillOf(meta, { version: null, lease: 'a' }))).toBe('lease');
        expect(await store.fill(fillOf(meta, { version: version(2), lease: 'a' }))).toBe('admitted');
        expect(await store.fill(fillOf(meta, { version: null, lease: 'b' }))).toBe('admitted');
      });
    });

    it('that ends is told to those who watch it, and to nobody who does not watch any more', async () => {
      if (!store.watchLease) return;
      let ends = 0;
      const wait = { timeout: 10_000, interval: 5 };
      const unwatch = await store.watchLease(KEY, () => (ends += 1));
      await store.lease(OTHER, 'a', 60_000);
      await store.release(OTHER, 'a');
      await store.lease(KEY, 'a', 60_000);
      await store.release(KEY, 'b');
      await store.release(KEY, 'a');
      await vi.waitFor(() => expect(ends).toBe(1), wait);
      await store.lease(KEY, 'a', 60_000);
      await store.fill(fillOf(meta, { version: version(3), lease: 'a' }));
      await vi.waitFor(() => expect(ends).toBe(2), wait);
      await store.lease(KEY, 'a', 60_000);
      await store.raise([{ key: KEY, version: version(9) }]);
      await vi.waitFor(() => expect(ends).toBe(3), wait);
      unwatch();
      let others = 0;
      const unwatchOther = await store.watchLease(OTHER, () => (others += 1));
      for (const key of [KEY, OTHER]) {
        await store.lease(key, 'a', 60_000);
        await store.release(key, 'a');
      }
      await vi.waitFor(() => expect(others).toBe(1), wait);
      expect(ends).toBe(3);
      unwatchOther();
    });

    it('a fill replaces what it saw, and not what came since: that may be newer than its version says', async () => {
      const seen = async () => (await store.read([KEY])).records[0]?.value?.filledAtMs ?? null;
      const first = fillOf(meta, { version: version(5), replaces: await seen(), data: bytes('first') });
      const late = fillOf(meta, { version: version(5), replaces: await seen(), data: bytes('late') });
      expect(await store.fill(first)).toBe('admitted');
      expect(await store.fill(late)).toBe('refilled');
      expect(text((await store.read([KEY])).records[0]?.value?.data)).toBe('first');
      const renewed = fillOf(meta, { version: version(5), replaces: await seen(), data: bytes('renewed') });
      expect(await store.fill(renewed)).toBe('admitted');
      // A newer version needs to have seen nothing; an older one is refused for what it is.
      const older = fillOf(meta, { version: version(4), replaces: await seen() });
      expect(await store.fill(older)).toBe('below-tidemark');
      expect(await store.fill(fillOf(meta, { version: version(6), replaces: null }))).toBe('admitted');
      await store.raise([{ key: KEY, version: version(7) }]);
      expect(await store.fill(fillOf(meta, { version: version(7), replaces: null }))).toBe('admitted');
    });

    it('a fill gives its lease back, admitted or refused', async () => {
      await store.lease(KEY, 'a', 60_000);
      expect(await store.fill(fillOf(meta, { lease: 'a' }))).toBe('admitted');
      expect(await store.lease(KEY, 'b', 60_000)).toEqual({ granted: true });
      expect(await store.fill(fillOf(meta, { version: version(0), lease: 'b' }))).toBe('below-tidemark');
      expect(await store.lease(KEY, 'c', 60_000)).toEqual({ granted: true });
    });

    describe('apply', () => {
      it('moves the horizon when the barrier chains, and says when it does not', async () => {
        const advance = { from: START, to: position(110) };
        const moved = await store.apply({ invalidations: [], expect: null, mark: 'm1', advance });
        expect(moved).toMatchObject({ outcome: 'advanced', meta: { horizon: position(110), revision: 1 } });
        const late = { from: START, to: position(105) };
        const kept = await store.apply({ invalidations: [], expect: 'm1', mark: 'm2', advance: late });
        expect(kept).toMatchObject({ outcome: 'behind', meta: { horizon: position(110), revision: 1 } });
        const same = { from: START, to: position(110) };
        const again = await store.apply({ invalidations: [], expect: 'm2', mark: 'm3', advance: same });
        expect(again).toMatchObject({ outcome: 'advanced', meta: { horizon: position(110), revision: 2 } });
        const ahead = { from: position(111), to: position(120) };
        const gap = await store.apply({ invalidations: [], expect: 'm3', mark: 'm4', advance: ahead });
        expect(gap).toMatchObject({ outcome: 'gap', meta: { horizon: position(110), revision: 2 } });
      });

      it('moves nothing when the batch before is not there', async () => {
        await store.apply({ invalidations: [], expect: null, mark: 'm1' });
        const advance = { from: START, to: position(110) };
        const invalidations = [{ key: KEY, version: version(3) }];
        const result = await store.apply({ invalidations, expect: 'another', mark: 'm2', advance });
        expect(result).toMatchObject({ outcome: 'mark', meta: { horizon: START } });
        expect((await store.read([KEY])).records[0]?.tidemark).toEqual(version(3));
      });

      it('has a broken chain as soon as one batch is lost, however many follow', async () => {
        await store.apply({ invalidations: [], expect: null, mark: 'm1' });
        // The one marked m2 went to a server that is no longer asked.
        await store.apply({ invalidations: [], expect: 'm2', mark: 'm3' });
        const advance = { from: START, to: position(110) };
        const third = await store.apply({ invalidations: [], expect: 'm3', mark: 'm4', advance });
        expect(third).toMatchObject({ outcome: 'mark', meta: { horizon: START } });
        const fourth = await store.apply({ invalidations: [], expect: 'm4', mark: 'm5', advance });
        expect(fourth).toMatchObject({ outcome: 'mark', meta: { horizon: START } });
        const again = await store.apply({ invalidations: [], expect: null, mark: 'm6', advance });
        expect(again.outcome).toBe('advanced');
      });

      it('shows the lineage of the chain that moved the horizon, from that moment on', async () => {
        expect(meta.lineage).toBe('life-1');
        const events = [{ key: 'city', version: version(8) }];
        const first = { invalidations: events, expect: null, mark: 'm1', lineage: 'chain-1' };
        expect((await store.apply(first)).meta).toMatchObject({ lineage: 'life-1', revision: 0 });
        const advance = { from: START, to: position(110) };
        const second = { invalidations: [], expect: 'm1', mark: 'm2', lineage: 'chain-1', advance };
        expect((await store.apply(second)).meta).toMatchObject({ lineage: 'chain-1', revision: 1 });
        // Neither writers, nor barriers that don't count, nor another chain that has not come so far.
        await store.raise(events);
        await store.apply({ ...second, expect: 'lost', mark: 'm3', lineage: 'chain-2' });
        const ahead = { from: position(111), to: position(120) };
        await store.apply({ ...second, expect: null, mark: 'm4', lineage: 'chain-2', advance: ahead });
        expect((await store.read([])).meta).toMatchObject({ lineage: 'chain-1', revision: 1 });
        const again = { from: position(110), to: position(111) };
        const third = { invalidations: [], expect: 'm4', mark: 'm5', lineage: 'chain-2', advance: again };
        expect((await store.apply(third)).meta).toMatchObject({ lineage: 'chain-2', revision: 2 });
      });

      it('a load that was under way at a takeover may still be filled', async () => {
        const advance = { from: START, to: position(110) };
        await store.apply({ invalidations: [], expect: null, mark: 'm1', lineage: 'chain-2', advance });
        expect(await store.fill(fillOf(meta))).toBe('admitted');
      });

      it('across an era voids what is older and forgets scopes', async () => {
        await store.fill(fillOf(meta));
        await store.raise([{ key: 'city', version: version(50) }]);
        const advance = { from: START, to: position(3, 2) };
        const { meta: after } = await store.apply({ invalidations: [], expect: null, mark: 'm1', advance });
        expect(after).toMatchObject({ horizon: position(3, 2), base: position(3, 2) });
        expect(await judged()).toBe('void');
        expect(await store.fill(fillOf(after!, { version: version(99, 1), asOf: position(9_000, 1) }))).toBe(
          'base',
        );
        expect(await store.fill(fillOf(after!, { version: version(1, 2) }))).toBe('admitted');
        expect(await judged()).toBe('fresh');
      });

      it('is not held back by an invalidation of a keyspace that an older era sent late', async () => {
        const advance = { from: START, to: position(1, 4) };
        const { meta: after } = await store.apply({ invalidations: [], expect: null, mark: 'm1', advance });
        await store.raise([{ key: 'city', version: version(500, 1) }]);
        const now = fillOf(after!, { version: version(7, 4), scope: 3, asOf: position(1, 4) });
        expect(await store.fill(now)).toBe('admitted');
      });

      it('keeps what it heard of a keyspace in an era that it had not entered', async () => {
        const early = fillOf(meta, { version: version(7, 4), scope: 3, asOf: position(1, 4) });
        await store.raise([{ key: 'city', version: version(5, 4) }]);
        const advance = { from: START, to: position(1, 4) };
        const { meta: after } = await store.apply({ invalidations: [], expect: null, mark: 'm1', advance });
        expect(await store.fill(early)).toBe('epoch');
        const now = { scope: 5, epoch: after!.epoch };
        expect(await store.fill({ ...early, ...now })).toBe('admitted');
      });

      it('takes no value of an era that it has not entered', async () => {
        const early = fillOf(meta, { version: version(7, 4), asOf: position(1, 4) });
        expect(await store.fill(early)).toBe('era');
        expect(await judged()).not.toBe('fresh');
        const advance = { from: START, to: position(1, 4) };
        await store.apply({ invalidations: [], expect: null, mark: 'm1', advance });
        expect(await store.fill(early)).toBe('admitted');
      });

      it('lets base follow the horizon before tombstones expire', async () => {
        const short = await open({ tombstoneTtlMs: 200 });
        try {
          await short.store.initialise('life', START);
          let xid = START.xid;
          await vi.waitFor(
            async () => {
              const advance = { from: position(xid), to: position(xid + 1) };
              const { meta: after } = await short.store.apply({
                invalidations: [],
                expect: null,
                mark: `m${xid}`,
                advance,
              });
              xid += 1;
              expect(after!.base.xid).toBeGreaterThan(START.xid + 2);
              expect(await short.store.fill(fillOf(after!, { asOf: position(START.xid + 1) }))).toBe('base');
            },
            { interval: 20, timeout: 5_000 },
          );
        } finally {
          await short.close();
        }
      });
    });

    it('raiseEpoch voids every value and every fill under way', async () => {
      await store.fill(fillOf(meta));
      await store.raiseEpoch(position(130));
      expect(await judged()).toBe('void');
      expect(await store.fill(fillOf(meta))).toBe('epoch');
      const { meta: after } = await store.read([]);
      expect(after).toMatchObject({ epoch: 1, base: position(130), horizon: position(130) });
      expect(await store.fill(fillOf(after!))).toBe('admitted');
    });

    it('roles have one holder, who may renew, resign or be succeeded', async () => {
      expect(await store.claim('applier', 'a', 60_000)).toBe(true);
      expect(await store.claim('applier', 'a', 60_000)).toBe(true);
      expect(await store.claim('applier', 'b', 60_000)).toBe(false);
      await store.resign('applier', 'b');
      expect(await store.claim('applier', 'b', 60_000)).toBe(false);
      await store.resign('applier', 'a');
      expect(await store.claim('applier', 'b', 30)).toBe(true);
      await vi.waitFor(async () => expect(await store.claim('applier', 'a', 60_000)).toBe(true), {
        interval: 5,
      });
    });
    storePopularity(() => harness);
  });
  storeRaces(name, open);
  storeReleases(name, open);
  storeWatches(name, open);
  storeHistory(name, open);
}
