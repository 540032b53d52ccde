import {
  bounded,
  keyspace,
  type LoadContext,
  type SourceLabels,
  type SourceOfTruth,
  SourceUnavailableError,
  StoreUnavailableError,
  systemRuntime,
} from '@tidemark/core';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type MemoryDb, memorySource, type MemoryTx } from '../src/index.ts';
import { Gate, type MemoryRegions, memoryRegions, WAIT } from './memory-region.ts';

const KEYS = ['row:1', 'row:2'];
const gate = new Gate();
const reads: string[] = [];

/** A replica that shows what the primary showed when `catchUp` was called last. */
class LaggingReplica {
  readonly source: SourceOfTruth<MemoryDb, MemoryTx> = memorySource({ runtime: systemRuntime });
  down = false;
  #rows = new Map<string, unknown>();
  #labels: SourceLabels | null = null;

  async catchUp(): Promise<void> {
    this.#labels = await this.source.labels(KEYS);
    for (const key of KEYS) this.#rows.set(key, await this.source.db.get(key));
  }

  withReplica(): SourceOfTruth<MemoryDb, MemoryTx> {
    const db = {
      get: async <T>(key: string) => {
        reads.push(`replica ${key}`);
        return (this.#rows.get(key) ?? null) as T | null;
      },
    };
    const labels = async (keys: readonly string[]) => {
      const { asOf, versions, scopes } = this.#labels!;
      const at = keys.map((key) => KEYS.indexOf(key));
      return { asOf, versions: at.map((i) => versions[i]!), scopes: at.map((i) => scopes[i]!) };
    };
    const primary = {
      get: async <T>(key: string) => {
        reads.push(`primary ${key}`);
        return this.source.db.get<T>(key);
      },
    };
    return {
      ...this.source,
      db: primary,
      replica: {
        use: async (work) => {
          if (this.down) throw new SourceUnavailableError('no replica');
          return work({ db, labels });
        },
      },
    };
  }
}

const rows = keyspace({
  name: 'row',
  params: { id: 'int' },
  async load({ id }, { db }: LoadContext<MemoryDb>) {
    const row = await db.get<{ readonly n: number }>(`row:${id}`);
    await gate.pass();
    return row;
  },
  loadMany: (all, { db }: LoadContext<MemoryDb>) =>
    Promise.all(all.map(({ id }) => db.get<{ readonly n: number }>(`row:${id}`))),
});

let replica: LaggingReplica;
let regions: MemoryRegions;
beforeEach(async () => {
  replica = new LaggingReplica();
  regions = await memoryRegions([rows], replica.withReplica());
  await set(1, 1);
  await set(2, 1);
  await replica.catchUp();
  await vi.waitFor(() => expect(regions.us.stats().stalenessBoundMs).toBeLessThan(500), WAIT);
  reads.length = 0;
});
afterEach(() => regions.close());

async function set(id: number, n: number): Promise<void> {
  await regions.eu.write(async (tx) => tx.set(`row:${id}`, { n }));
}

/** Waits until the us region has applied the latest write of the row. */
async function applied(id: number): Promise<void> {
  const [version] = (await replica.source.labels([`row:${id}`])).versions;
  await vi.waitFor(async () => {
    const [record] = (await regions.stores.us.read([`row:${id}`])).records;
    expect(record?.tidemark).toEqual(version);
  }, WAIT);
}

it('a replica that has caught up takes the load off the primary', async () => {
  await applied(1);
  expect(await regions.us.get(rows, { id: 1 })).toEqual({ n: 1 });
  expect(reads).toEqual(['replica row:1']);
  expect((await regions.us.read(rows, { id: 1 })).tier).toBe('l1');
});

it('one that has not seen what the region knows is not read at all', async () => {
  await set(1, 2);
  await applied(1);
  const { value, version } = await regions.us.read(rows, { id: 1 });
  expect([value, version?.n]).toEqual([{ n: 2 }, 3]);
  expect(reads).toEqual(['primary row:1']);
});

it('a write that is applied while a replica is read: its answer is dropped, the primary asked', async () => {
  await applied(1);
  const reached = gate.shut();
  const late = regions.us.get(rows, { id: 1 });
  await reached;
  await set(1, 2);
  await applied(1);
  gate.open();
  expect(await late).toEqual({ n: 2 });
  expect(reads).toEqual(['replica row:1', 'primary row:1']);
  expect(regions.us.peek(rows, { id: 1 })).toEqual({ n: 2 });
});

it('is not asked while the store can not say what the region knows', async () => {
  await applied(1);
  const away = vi.spyOn(regions.stores.us, 'read').mockRejectedValue(new StoreUnavailableError('away'));
  expect(await regions.us.get(rows, { id: 1 })).toEqual({ n: 1 });
  expect(await regions.us.getMany(rows, [{ id: 2 }])).toEqual([{ n: 1 }]);
  expect(reads).toEqual(['primary row:1', 'primary row:2']);
  away.mockRestore();
  reads.length = 0;
  await regions.us.write(async (tx) => tx.set('row:1', { n: 1 }));
  await replica.catchUp();
  vi.spyOn(regions.stores.us, 'fill').mockRejectedValueOnce(new StoreUnavailableError('away'));
  expect(await regions.us.get(rows, { id: 1 })).toEqual({ n: 1 });
  expect(reads).toEqual(['replica row:1', 'primary row:1']);
});

it('a bounded read never trusts it', async () => {
  await applied(1);
  await regions.us.get(rows, { id: 1 }, { consistency: bounded('20s') });
  expect(reads).toEqual(['primary row:1']);
});

it('one that is down costs nothing but the load on the primary', async () => {
  await applied(1);
  replica.down = true;
  expect(await regions.us.get(rows, { id: 1 })).toEqual({ n: 1 });
  expect(reads).toEqual(['primary row:1']);
});

it('a batch takes from it what it may, and the rest from the primary', async () => {
  await set(2, 2);
  await applied(1);
  await applied(2);
  expect(await regions.us.getMany(rows, [{ id: 1 }, { id: 2 }])).toEqual([{ n: 1 }, { n: 2 }]);
  expect(reads).toEqual(['replica row:1', 'primary row:2']);
});
