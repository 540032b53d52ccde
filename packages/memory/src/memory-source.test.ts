import { type CollectingHarness, pinSuite, sourceSuite } from '@tidemark/conformance';
import { describe, expect, it } from 'vitest';
import { MemoryDatabase } from './memory-database.ts';
import { memorySource, type MemoryTx } from './memory-source.ts';

let ballast = 0;
sourceSuite<MemoryTx>('memory', harness);
pinSuite<MemoryTx>('memory', harness);

async function harness(): Promise<CollectingHarness<MemoryTx>> {
  const database = new MemoryDatabase();
  const source = memorySource({ database });
  return {
    source,
    another: async () => memorySource({ database }),
    write: (tx) => tx.set(`ballast:${(ballast += 1)}`, true),
    remove: (tx, key) => tx.delete(key),
    collect: async (limit) => database.collect(limit),
    close: () => source.close(),
  };
}

describe('memory source', () => {
  it('bumps what it writes, and shows nothing before the commit', async () => {
    const source = memorySource();
    const { invalidations } = await source.transaction(async (tx) => {
      await tx.set('product:1', { stock: 3 });
      expect(await tx.get('product:1')).toEqual({ stock: 3 });
      expect(await source.db.get('product:1')).toBeNull();
    });
    expect(invalidations.map(({ key }) => key)).toEqual(['product:1']);
    expect(await source.db.get('product:1')).toEqual({ stock: 3 });
  });

  it('hands out copies', async () => {
    const source = memorySource();
    const row = { stock: 3 };
    await source.transaction((tx) => tx.set('product:1', row));
    row.stock = 4;
    (await source.db.get<typeof row>('product:1'))!.stock = 5;
    expect(await source.db.get('product:1')).toEqual({ stock: 3 });
  });

  it('gives a deleted and re-inserted row a higher version', async () => {
    const source = memorySource();
    const versionAfter = async (work: (tx: MemoryTx) => Promise<void>): Promise<number> => {
      await source.transaction(work);
      return (await source.labels(['product:1'])).versions[0]!.n;
    };
    const inserted = await versionAfter((tx) => tx.set('product:1', 1));
    const deleted = await versionAfter((tx) => tx.delete('product:1'));
    const again = await versionAfter((tx) => tx.set('product:1', 1));
    expect(inserted).toBeLessThan(deleted);
    expect(deleted).toBeLessThan(again);
  });

  it('fails one of two transactions that wait for each other, and frees the other', async () => {
    const source = memorySource();
    const results = await Promise.allSettled(
      [
        ['a:1', 'a:2'],
        ['a:2', 'a:1'],
      ].map((keys) =>
        source.transaction(async (tx) => {
          for (const key of keys) await tx.set(key, keys[0]);
        }),
      ),
    );
    expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(results.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'E_DEADLOCK' },
    });
  });

  it('refuses statements of a transaction that has ended', async () => {
    const source = memorySource();
    let leaked: MemoryTx | undefined;
    await source.transaction(async (tx) => {
      leaked = tx;
    });
    await expect(leaked?.set('a:1', 1)).rejects.toMatchObject({ code: 'E_CONFIGURATION' });
  });

  it('raises the era when it is restored, and fails what was running', async () => {
    const database = new MemoryDatabase();
    const source = memorySource({ database });
    await source.transaction((tx) => tx.set('a:1', 'kept'));
    const checkpoint = database.checkpoint();
    await source.transaction((tx) => tx.set('a:1', 'abandoned'));
    const { horizon } = await source.changes(null, { limit: 10 });
    const running = source.transaction(async (tx) => {
      await tx.set('a:2', 'lost');
      database.restore(checkpoint);
    });
    await expect(running).rejects.toMatchObject({ code: 'E_TRANSACTION_LOST' });
    expect(await source.db.get('a:1')).toBe('kept');
    expect((await source.changes(horizon, { limit: 10 })).horizon.era).toBe(horizon.era + 1);
  });

  it('drops superseded log entries', async () => {
    const source = memorySource();
    const since = (await source.changes(null, { limit: 10 })).horizon;
    for (let count = 0; count < 3_000; count += 1)
      await source.transaction((tx) => tx.set(`a:${count % 3}`, count));
    expect((await source.changes(since, { limit: 10 })).changes).toHaveLength(3);
  });
});
