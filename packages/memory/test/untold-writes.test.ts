import { keyspace } from '@tidemark/core';
import { afterEach, describe, expect, it } from 'vitest';
import type { MemoryDb } from '../src/index.ts';
import { virtualRegion, type VirtualRegion } from './read-harness.ts';

const rows = keyspace({
  name: 'row',
  params: { id: 'int' },
  load: ({ id }, { db }: { readonly db: MemoryDb }) => db.get<number>(`row:${id}`),
});
const FAILURES = 3;
const RESET_MS = 1_000;

let region: VirtualRegion;
afterEach(() => region.close());

async function start(nodes = 1): Promise<void> {
  const storeBreaker = { failures: FAILURES, resetAfter: RESET_MS };
  region = await virtualRegion({ keyspaces: [rows], nodes, storeBreaker });
}

const write = (n: number, by = 0): Promise<unknown> =>
  region.runtime.settle(region.nodes[by]!.write((tx) => tx.set('row:1', n)));
const read = async (by = 0): Promise<number | null> =>
  region.runtime.settle(region.nodes[by]!.get(rows, { id: 1 }));
const raises = (): number => region.asked.get('raise') ?? 0;
const skipped = (): number => region.events.get('raise-skipped') ?? 0;

describe('a write while the store hangs', () => {
  it('does not ask it once the circuit is open, says so, and is heard of all the same', async () => {
    await start();
    await write(0);
    await read();
    region.fail(true);
    const before = raises();
    for (let n = 1; n <= 10; n += 1) {
      await write(n);
      expect(await read()).toBe(n);
    }
    expect(raises() - before).toBeLessThanOrEqual(FAILURES);
    expect(skipped()).toBeGreaterThanOrEqual(10 - FAILURES);
    region.fail(false);
    await region.runtime.advance(10_000);
    const { records } = await region.store.read(['row:1']);
    const { invalidations } = await region.runtime.settle(region.nodes[0]!.write((tx) => tx.set('row:2', 1)));
    // The applier told it: the tidemark is that of the tenth write.
    expect(invalidations[0]!.version.n - records[0]!.tidemark.n).toBe(1);
  });

  it('is seen by its own node, though the store answers again and knows nothing of it', async () => {
    await start(2);
    await write(1);
    await region.runtime.advance(1_000);
    expect([await read(0), await read(1)]).toEqual([1, 1]);
    region.fail(true);
    for (let n = 2; n <= 6; n += 1) await write(n);
    expect(skipped()).toBeGreaterThan(0);
    // The store is back, and its applier is not.
    region.fail(['apply']);
    await region.runtime.advance(RESET_MS);
    for (let turn = 0; turn < 5; turn += 1) expect(await read(0)).toBe(6);
    // Who did not write may see what the region has; it converges.
    expect(await read(1)).toSatisfy((n: number) => n === 1 || n === 6);
    region.fail(false);
    await region.runtime.advance(10_000);
    expect([await read(0), await read(1)]).toEqual([6, 6]);
  });

  it('overtakes a load that was under way, which the store takes, and the applier drops', async () => {
    await start(2);
    await write(1);
    await region.runtime.advance(1_000);
    region.fail(true);
    for (let n = 2; n <= 5; n += 1) await write(n);
    expect(skipped()).toBeGreaterThan(0);
    region.fail(['apply', 'raise']);
    await region.runtime.advance(RESET_MS);
    // Another node asked the store, got a lease, and read before the last write; its fill comes after it.
    const { meta } = await region.store.read(['row:1']);
    const stale = await region.store.read(['row:1']);
    await write(6);
    const verdict = await region.store.fill({
      key: 'row:1',
      version: stale.records[0]!.tidemark,
      scope: 0,
      asOf: meta!.horizon,
      incarnation: meta!.incarnation,
      epoch: meta!.epoch,
      revision: meta!.revision,
      schema: rows.schemaVersion,
      freshMs: 60_000,
      staleMs: 0,
      data: new TextEncoder().encode('1'),
      dependencies: [],
      replaces: null,
      lease: null,
    });
    expect(verdict).toBe('admitted');
    for (let turn = 0; turn < 3; turn += 1) expect(await read(0)).toBe(6);
    region.fail(false);
    await region.runtime.advance(10_000);
    expect([await read(0), await read(1)]).toEqual([6, 6]);
  });
});
