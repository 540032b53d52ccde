import { comparePositions, compareVersions, type Invalidation, type Version } from '@tidemark/core';
import { expect, it } from 'vitest';
import { collectionChaos } from './source-collection-chaos.ts';
import { gate, readChanges, type CollectingHarness } from './source-harness.ts';

const GONE = { code: 'E_HISTORY_GONE' };

/**
 * Rows of deleted keys may leave the changelog. No label goes back by it, no reader misses a delete,
 * and no label is ever above a version that is still to come.
 */
export function collectionCases<Tx>(harnessOf: () => CollectingHarness<Tx>, space: () => string): void {
  const bump = async (key: string): Promise<Version> => {
    const { invalidations } = await harnessOf().source.transaction(async (_tx, bumping) => bumping(key));
    return invalidations[0]!.version;
  };
  const remove = async (...keys: string[]): Promise<readonly Invalidation[]> => {
    const { remove: removing, source } = harnessOf();
    const { invalidations } = await source.transaction(async (tx) => {
      for (const key of keys) await removing(tx, key);
    });
    return invalidations;
  };
  /** A transaction that has drawn the version of `key`, if any, and commits when told. */
  const drawing = async (key?: string): Promise<{ finish(): Promise<readonly Invalidation[]> }> => {
    const { remove: removing, write, source } = harnessOf();
    const [started, ending] = [gate(), gate()];
    const running = source.transaction(async (tx) => {
      await (key === undefined ? write(tx) : removing(tx, key));
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
  const label = async (key: string): Promise<Version> =>
    (await harnessOf().source.labels([key])).versions[0]!;
  const collect = (limit = 1_000): Promise<number> => harnessOf().collect(limit);

  it('takes deleted keys only, at most as many as asked', async () => {
    await collect();
    const keyspace = space();
    await bump(`${keyspace}:live`);
    await bump(keyspace);
    await remove(`${keyspace}:1`, `${keyspace}:2`, `${keyspace}:3`);
    const live = await label(`${keyspace}:live`);
    expect([await collect(2), await collect(2), await collect(2)]).toEqual([2, 1, 0]);
    expect(await label(`${keyspace}:live`)).toEqual(live);
    expect((await harnessOf().source.labels([keyspace])).scopes[0]).toBeGreaterThan(0);
  });

  it('never lowers a label, and the key goes on above it', async () => {
    const key = `${space()}:1`;
    const [deleted] = await remove(key);
    await collect();
    const absent = await label(key);
    expect(compareVersions(absent, deleted!.version)).toBeGreaterThanOrEqual(0);
    const inserted = await bump(key);
    expect(compareVersions(inserted, absent)).toBeGreaterThan(0);
    expect(await label(key)).toEqual(inserted);
    await remove(key);
    await collect();
    expect(compareVersions(await label(key), inserted)).toBeGreaterThan(0);
  });

  it('labels a key that never was below whatever comes for it', async () => {
    const keyspace = space();
    // It draws its version long before it commits; what is deleted in between has greater ones.
    const long = await drawing(`${keyspace}:new`);
    await remove(`${keyspace}:old`);
    await collect();
    await collect();
    const absent = await label(`${keyspace}:new`);
    const [late] = await long.finish();
    expect(compareVersions(absent, late!.version)).toBeLessThan(0);
    await collect();
  });

  it('does so also when ids and versions were given out in opposite orders', async () => {
    const { source, write, remove: removing } = harnessOf();
    const keyspace = space();
    const [hasId, mayDraw] = [gate(), gate()];
    const deleting = source.transaction(async (tx) => {
      await write(tx);
      hasId.open();
      await mayDraw.opened;
      await removing(tx, `${keyspace}:old`);
    });
    await hasId.opened;
    const long = await drawing(`${keyspace}:new`);
    mayDraw.open();
    const deleted = (await deleting).invalidations.find(({ key }) => key === `${keyspace}:old`);
    await collect();
    await collect();
    const absent = await label(`${keyspace}:new`);
    const [late] = await long.finish();
    expect(compareVersions(late!.version, deleted!.version)).toBeLessThan(0);
    expect(compareVersions(absent, late!.version)).toBeLessThan(0);
    expect(await collect()).toBeGreaterThan(0);
  });

  it('leaves what a transaction of before may still overtake, until it has ended', async () => {
    await collect();
    const keyspace = space();
    const long = await drawing();
    await remove(`${keyspace}:1`);
    expect(await collect()).toBe(0);
    await long.finish();
    expect(await collect()).toBe(1);
  });

  it('tells a reader of before that history is gone, on every page, and nobody else', async () => {
    const { source } = harnessOf();
    const keyspace = space();
    const before = (await source.changes(null, { limit: 10 })).horizon;
    await bump(`${keyspace}:a`);
    await remove(`${keyspace}:b`);
    const first = await source.changes(before, { limit: 1 });
    expect(first.next).toBeDefined();
    const { horizon } = await readChanges(source, before);
    await collect();
    await expect(source.changes(before, { limit: 1 })).rejects.toMatchObject(GONE);
    await expect(source.changes(before, { limit: 1, after: first.next! })).rejects.toMatchObject(GONE);
    await expect(source.changes(null, { limit: 1, after: first.next! })).rejects.toMatchObject(GONE);
    const after = await readChanges(source, horizon);
    expect(after.changes).toEqual([]);
    expect(comparePositions(after.horizon, horizon)).toBeGreaterThanOrEqual(0);
    // A reader who starts over is not sent away again.
    const { horizon: fresh } = await readChanges(source, null);
    expect(comparePositions(fresh, before)).toBeGreaterThan(0);
    await readChanges(source, fresh);
  });

  it('does not take the horizon back when it takes the latest row', async () => {
    const { source } = harnessOf();
    const keyspace = space();
    await remove(`${keyspace}:last`);
    const { horizon } = await readChanges(source, null);
    expect(await collect()).toBeGreaterThan(0);
    const again = await readChanges(source, horizon);
    expect(again.horizon.era).toBe(horizon.era);
    expect(comparePositions(again.horizon, horizon)).toBeGreaterThanOrEqual(0);
    expect(comparePositions((await source.labels([])).asOf, horizon)).toBeGreaterThanOrEqual(0);
  });

  it('hides nothing from readers and loaders while keys come and go', async () => {
    const report = await collectionChaos(harnessOf(), { seed: 20_261_124, keyspace: space() });
    expect(report.lost).toEqual([]);
    expect(report.wrongLabels).toEqual([]);
    expect(report.collected).toBeGreaterThan(10);
    expect(report.startedOver).toBeGreaterThan(0);
  });
}
