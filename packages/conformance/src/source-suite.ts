import { comparePositions, compareVersions, KeyError, type Invalidation } from '@tidemark/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectionCases } from './source-collection.ts';
import { sourceChaos } from './source-chaos.ts';
import { Floors, gate, readChanges, type CollectingHarness, type SourceLack } from './source-harness.ts';

export type { CollectingHarness, SourceHarness, SourceLack } from './source-harness.ts';

/**
 * What every `SourceOfTruth` must do. Call it in a test file of the adapter; `lacks` names what the
 * source can't do.
 */
export function sourceSuite<Tx>(
  name: string,
  factory: () => Promise<CollectingHarness<Tx>>,
  options: { readonly lacks?: readonly SourceLack[] } = {},
): void {
  const unless = (lack: SourceLack): typeof it.skip => (options.lacks?.includes(lack) ? it.skip : it);

  describe(`source of truth: ${name}`, () => {
    let harness: CollectingHarness<Tx>;
    let spaces = 0;
    /** A keyspace of its own for each case. */
    const space = (): string => `case${(spaces += 1)}`;
    const bumping = async (...keys: string[]): Promise<readonly Invalidation[]> => {
      const { invalidations } = await harness.source.transaction(async (_tx, bump) => keys.forEach(bump));
      return invalidations;
    };
    const only = (changes: readonly Invalidation[], keyspace: string): Invalidation[] =>
      changes.filter(({ key }) => key.startsWith(keyspace));
    /** Starts a transaction that has written and ends when told. */
    const longTransaction = async (
      ...keys: string[]
    ): Promise<{ finish(): Promise<readonly Invalidation[]> }> => {
      const [started, ending] = [gate(), gate()];
      const running = harness.source.transaction(async (tx, bump) => {
        await harness.write(tx);
        keys.forEach(bump);
        started.open();
        await ending.opened;
      });
      await Promise.race([started.opened, running]);
      return {
        async finish() {
          ending.open();
          return (await running).invalidations;
        },
      };
    };

    beforeAll(async () => {
      harness = await factory();
    });
    afterAll(() => harness.close());

    describe('labels', () => {
      it('are zero for keys that were never bumped', async () => {
        const keyspace = space();
        const labels = await harness.source.labels([`${keyspace}:1`, `${keyspace}:2`]);
        expect(labels.versions.map(({ n }) => n)).toEqual([0, 0]);
        expect(labels.scopes).toEqual([0, 0]);
        expect(labels.asOf.era).toBeGreaterThanOrEqual(1);
      });

      it('follow bumps, in the order asked, also when a key is asked twice', async () => {
        const keyspace = space();
        const [invalidation] = await bumping(`${keyspace}:1`);
        const { versions } = await harness.source.labels([`${keyspace}:2`, `${keyspace}:1`, `${keyspace}:1`]);
        expect(versions[0]?.n).toBe(0);
        expect(versions[1]).toEqual(invalidation?.version);
        expect(versions[2]).toEqual(invalidation?.version);
      });

      it('carry the version of the keyspace, which a bump of a key leaves alone', async () => {
        const keyspace = space();
        await bumping(`${keyspace}:1`);
        const [scope] = await bumping(keyspace);
        await bumping(`${keyspace}:1`);
        const { scopes } = await harness.source.labels([`${keyspace}:1`, `${keyspace}:never`, keyspace]);
        expect(scopes).toEqual([scope?.version.n, scope?.version.n, scope?.version.n]);
      });

      it('work for no keys at all', async () => {
        const labels = await harness.source.labels([]);
        expect(labels.versions).toEqual([]);
        expect(labels.scopes).toEqual([]);
      });

      it('have a horizon that never goes back', async () => {
        const keyspace = space();
        let last = (await harness.source.labels([])).asOf;
        for (let count = 0; count < 5; count += 1) {
          await bumping(`${keyspace}:${count % 2}`);
          const { asOf } = await harness.source.labels([]);
          expect(comparePositions(asOf, last)).toBeGreaterThanOrEqual(0);
          last = asOf;
        }
      });
    });

    describe('transactions', () => {
      it('return the value of the work and what was bumped, each key once', async () => {
        const keyspace = space();
        const committed = await harness.source.transaction(async (_tx, bump) => {
          bump(`${keyspace}:1`);
          bump(`${keyspace}:1`);
          bump(keyspace);
          return 'value';
        });
        expect(committed.value).toBe('value');
        expect(committed.invalidations.map(({ key }) => key).toSorted()).toEqual([keyspace, `${keyspace}:1`]);
      });

      it('that bump nothing return no invalidations', async () => {
        expect((await harness.source.transaction(async () => 1)).invalidations).toEqual([]);
      });

      it('that abort leave nothing, and pass the error on unchanged', async () => {
        const keyspace = space();
        const since = (await harness.source.changes(null, { limit: 10 })).horizon;
        const error = new Error('no');
        const attempt = harness.source.transaction(async (tx, bump) => {
          await harness.write(tx);
          bump(`${keyspace}:1`);
          throw error;
        });
        await expect(attempt).rejects.toBe(error);
        expect((await harness.source.labels([`${keyspace}:1`])).versions[0]?.n).toBe(0);
        expect(only((await readChanges(harness.source, since)).changes, keyspace)).toEqual([]);
      });

      it('reject what is not an encoded key', async () => {
        for (const key of ['Bad Key', '', 'case:{x}', `case:${'x'.repeat(1_100)}`]) {
          const attempt = harness.source.transaction(async (_tx, bump) => bump(key));
          await expect(attempt).rejects.toThrow(KeyError);
        }
      });

      it('reject more bumps than a commit may carry', async () => {
        const keyspace = space();
        const attempt = harness.source.transaction(async (_tx, bump) => {
          for (let count = 0; count <= 10_000; count += 1) bump(`${keyspace}:${count}`);
        });
        await expect(attempt).rejects.toMatchObject({ code: 'E_TOO_MANY_BUMPS' });
      });

      it('raise a version with every commit, in commit order per key', async () => {
        const keyspace = space();
        let clock = 0;
        const commits: { began: number; ended: number; invalidation: Invalidation }[] = [];
        await Promise.all(
          Array.from({ length: 6 }, async () => {
            for (let count = 0; count < 5; count += 1) {
              const began = (clock += 1);
              const [invalidation] = await bumping(`${keyspace}:1`);
              commits.push({ began, ended: (clock += 1), invalidation: invalidation! });
            }
          }),
        );
        expect(new Set(commits.map(({ invalidation }) => invalidation.version.n)).size).toBe(30);
        for (const earlier of commits) {
          for (const later of commits.filter(({ began }) => began > earlier.ended)) {
            const order = compareVersions(earlier.invalidation.version, later.invalidation.version);
            expect(order).toBeLessThan(0);
          }
        }
      });
    });

    describe('changes', () => {
      it('since a horizon are exactly the latest versions of what was bumped', async () => {
        const keyspace = space();
        const since = (await harness.source.changes(null, { limit: 10 })).horizon;
        await bumping(`${keyspace}:1`, `${keyspace}:2`);
        const [second] = await bumping(`${keyspace}:1`);
        const changes = only((await readChanges(harness.source, since)).changes, keyspace);
        expect(changes.map(({ key }) => key).toSorted()).toEqual([`${keyspace}:1`, `${keyspace}:2`]);
        expect(changes).toContainEqual(second);
      });

      it('include scope keys', async () => {
        const keyspace = space();
        const since = (await harness.source.changes(null, { limit: 10 })).horizon;
        const [scope] = await bumping(keyspace);
        expect((await readChanges(harness.source, since)).changes).toContainEqual(scope);
      });

      it('come in pages that never split a transaction', async () => {
        const keyspace = space();
        const since = (await harness.source.changes(null, { limit: 10 })).horizon;
        const together = [1, 2, 3, 4, 5].map((id) => `${keyspace}:big:${id}`);
        await bumping(...together);
        await bumping(`${keyspace}:small`);
        const first = await harness.source.changes(since, { limit: 2 });
        expect(
          only(first.changes, keyspace)
            .map(({ key }) => key)
            .toSorted(),
        ).toEqual(together);
        expect(first.next).toBeDefined();
        const all = await readChanges(harness.source, since, 2);
        expect(only(all.changes, keyspace)).toHaveLength(6);
      });

      it('repeat rows at the edge while an older transaction runs, and hold the horizon back', async () => {
        const keyspace = space();
        const since = (await harness.source.changes(null, { limit: 10 })).horizon;
        const long = await longTransaction(`${keyspace}:long`);
        const [quick] = await bumping(`${keyspace}:quick`);
        const page = await harness.source.changes(since, { limit: 100 });
        expect(page.changes).toContainEqual(quick);
        const again = await harness.source.changes(page.horizon, { limit: 100 });
        expect(again.changes).toContainEqual(quick);
        expect(again.horizon).toEqual(page.horizon);
        const [late] = await long.finish();
        const after = await harness.source.changes(again.horizon, { limit: 100 });
        expect(after.changes).toContainEqual(late);
        expect(comparePositions(after.horizon, page.horizon)).toBeGreaterThan(0);
        expect(only((await harness.source.changes(after.horizon, { limit: 100 })).changes, keyspace)).toEqual(
          [],
        );
      });

      it('since null are those at the edge', async () => {
        const keyspace = space();
        await bumping(`${keyspace}:old`);
        const long = await longTransaction();
        const [edge] = await bumping(`${keyspace}:edge`);
        const { changes, horizon } = await readChanges(harness.source, null, 1);
        await long.finish();
        expect(only(changes, keyspace)).toEqual([edge]);
        expect(comparePositions(horizon, (await harness.source.labels([])).asOf)).toBeLessThan(0);
      });

      it('keep a row that an older transaction takes back behind the page that was read', async () => {
        const keyspace = space();
        const since = (await harness.source.changes(null, { limit: 10 })).horizon;
        const long = await longTransaction(`${keyspace}:c`);
        await bumping(`${keyspace}:a`);
        await bumping(`${keyspace}:b`);
        const acknowledged = await bumping(`${keyspace}:c`);
        const floors = new Floors();
        let page = await harness.source.changes(since, { limit: 1 });
        floors.raise(page.changes);
        await long.finish();
        while (page.next) {
          page = await harness.source.changes(since, { limit: 1, after: page.next });
          floors.raise(page.changes);
        }
        expect(floors.missing(acknowledged)).toEqual([]);
      });

      it('of pages continued with a bare position lose nothing either', async () => {
        const keyspace = space();
        const since = (await harness.source.changes(null, { limit: 10 })).horizon;
        const wanted = [...(await bumping(`${keyspace}:a`)), ...(await bumping(`${keyspace}:b`))];
        const first = await harness.source.changes(since, { limit: 1 });
        const { era, xid } = first.next!;
        const second = await harness.source.changes(since, { limit: 10, after: { era, xid } });
        const floors = new Floors();
        floors.raise(first.changes);
        floors.raise(second.changes);
        expect(floors.missing(wanted)).toEqual([]);
      });

      it('reject a limit that is no limit', async () => {
        for (const limit of [0, -1, 1.5, Number.NaN]) {
          await expect(harness.source.changes(null, { limit })).rejects.toMatchObject({
            code: 'E_CONFIGURATION',
          });
        }
      });

      unless('overlap')(
        'lose nothing under writers that overlap, linger, abort and commit out of order',
        async () => {
          const report = await sourceChaos(harness, {
            seed: 20_261_123,
            writers: 6,
            transactionsPerWriter: 25,
            keyspace: space(),
          });
          expect(report.lost).toEqual([]);
          expect(report.committed).toBeGreaterThan(50);
          expect(report.polls).toBeGreaterThan(5);
        },
      );
    });

    describe('leadership', () => {
      unless('leadership')('is exclusive per role, and handed over', async () => {
        const other = await harness.another();
        const first = await harness.source.lead('conformance');
        expect(first?.lost.aborted).toBe(false);
        expect(await other.lead('conformance')).toBeNull();
        expect(await harness.source.lead('conformance')).toBeNull();
        const elsewhere = await other.lead('conformance-two');
        expect(elsewhere).not.toBeNull();
        await elsewhere?.resign();
        await first?.resign();
        const second = await other.lead('conformance');
        expect(second?.lost.aborted).toBe(false);
        await other.close();
        expect(second?.lost.aborted).toBe(true);
        const third = await harness.source.lead('conformance');
        expect(third).not.toBeNull();
        await third?.resign();
        await third?.resign();
      });
    });

    describe('cursors', () => {
      unless('cursors')('are kept by name, and never go back', async () => {
        expect(await harness.source.loadCursor('unknown')).toBeNull();
        await harness.source.saveCursor('one', { era: 1, xid: 10 });
        await harness.source.saveCursor('one', { era: 1, xid: 7 });
        await harness.source.saveCursor('two', { era: 2, xid: 3 });
        await harness.source.saveCursor('two', { era: 1, xid: 9_007_199_254_740_991 });
        expect(await harness.source.loadCursor('one')).toEqual({ era: 1, xid: 10 });
        expect(await harness.source.loadCursor('two')).toEqual({ era: 2, xid: 3 });
      });
    });

    describe('era', () => {
      unless('era-guard')('rises when a reader has seen what this source never had', async () => {
        const keyspace = space();
        const [old] = await bumping(`${keyspace}:1`);
        const { era } = (await harness.source.labels([])).asOf;
        const beyond = { era, xid: 2 ** 52 };
        const { changes, horizon } = await readChanges(harness.source, beyond);
        expect(horizon.era).toBeGreaterThan(era);
        expect(only(changes, keyspace)).toEqual([]);
        expect(await readChanges(harness.source, beyond)).toMatchObject({ horizon: { era: horizon.era } });
        const { versions } = await harness.source.labels([`${keyspace}:1`]);
        expect(versions).toEqual([{ era: horizon.era, n: old?.version.n }]);
        const [next] = await bumping(`${keyspace}:1`);
        expect(compareVersions(next!.version, versions[0]!)).toBeGreaterThan(0);
      });

      unless('era-guard')('rises above an era that only the reader knows', async () => {
        const { era } = (await harness.source.labels([])).asOf;
        const { horizon } = await readChanges(harness.source, { era: era + 5, xid: 1 });
        expect(horizon.era).toBeGreaterThan(era + 5);
      });
    });

    describe('collection', () => {
      collectionCases<Tx>(() => harness, space);
    });

    it('rejects everything once closed', async () => {
      const other = await harness.another();
      await other.close();
      await other.close();
      await expect(other.labels([])).rejects.toMatchObject({ code: 'E_SOURCE_UNAVAILABLE' });
      await expect(other.changes(null, { limit: 1 })).rejects.toMatchObject({ code: 'E_SOURCE_UNAVAILABLE' });
      await expect(other.transaction(async () => 1)).rejects.toMatchObject({ code: 'E_SOURCE_UNAVAILABLE' });
      await expect(other.lead('x')).rejects.toMatchObject({ code: 'E_SOURCE_UNAVAILABLE' });
    });
  });
}
