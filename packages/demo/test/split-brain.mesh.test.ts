import { bounded, type Store } from '@tidemark/core';
import { redisStore } from '@tidemark/redis';
import { promoteReplica, type Server, startRedis, startRedisReplica } from '@tidemark/testbed';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { items, type OpenNode, Regions } from './regions-harness.ts';

const WAIT = { timeout: 30_000, interval: 15 };
const NO_ROLES = { relay: false, applier: false };
/** More barriers than the new half applies while the test runs. */
const AHEAD = 600;
const IDS = [1, 2, 3, 4, 5];

let regions: Regions;
let oldPrimary: Server;
let newPrimary: Server;
let oldHalf: Store;
let newHalf: Store;

beforeAll(async () => {
  regions = await Regions.start(['us', 'eu']);
  oldPrimary = await startRedis();
  newPrimary = await startRedisReplica(oldPrimary);
  oldHalf = await redisStore({ url: oldPrimary.url });
  newHalf = await redisStore({ url: newPrimary.url });
});
afterAll(async () => {
  await regions.closeNodes();
  await Promise.all([oldHalf.close(), newHalf.close()]);
  await regions.close();
  await Promise.all([oldPrimary.close(), newPrimary.close()]);
});

async function revisionOf(store: Store): Promise<number> {
  return (await store.read([])).meta!.revision;
}

/** The value is in the node's store, and proven there: its L1 keeps another entry. */
async function provenInStore({ node }: OpenNode, id: number, value: string): Promise<void> {
  await vi.waitFor(async () => {
    await node.get(items, { id: 999 });
    const result = await node.read(items, { id }, { consistency: bounded('3s') });
    expect(result).toMatchObject({ tier: 'l2', value: { value } });
  }, WAIT);
}

async function claimedSince({ node }: OpenNode, sinceMs: number): Promise<void> {
  await vi.waitFor(() => {
    expect(node.stats().stalenessBoundMs).toBeLessThan(performance.now() - sinceMs);
  }, WAIT);
}

/** An old primary whose applier had much to do: its revision stays above that of the other half. */
async function runAhead(store: Store): Promise<void> {
  const untilRevision = (await revisionOf(store)) + AHEAD;
  while ((await revisionOf(store)) < untilRevision) {
    const { horizon } = (await store.read([])).meta!;
    const batch = { invalidations: [], expect: null, mark: 'ahead', advance: { from: horizon, to: horizon } };
    await Promise.all(Array.from({ length: 20 }, () => store.apply(batch)));
  }
}

it('who still reads the old primary does not borrow the proof of the promoted replica', async () => {
  for (const id of [...IDS, 999]) await regions.sql(id, 'old');
  const us = await regions.node('us');
  const applier = { relay: false, applier: true };
  const oldApplier = await regions.node('eu', { store: oldHalf, roles: applier });
  const reader = await regions.node('eu', { store: oldHalf, l1EntriesMax: 1, roles: NO_ROLES });
  for (const id of IDS) await provenInStore(reader, id, 'old');
  await vi.waitFor(async () => expect((await newHalf.read(['item:1'])).records[0]).not.toBeNull(), WAIT);

  // The split: the old primary lives on, and each half has its own applier.
  await promoteReplica(newPrimary);
  const split = await revisionOf(newHalf);
  await regions.node('eu', { store: newHalf, roles: applier });
  await runAhead(oldHalf);
  const ahead = await revisionOf(oldHalf);
  await vi.waitFor(async () => {
    expect(await revisionOf(newHalf)).toBeGreaterThan(split);
    expect(await revisionOf(oldHalf)).toBeGreaterThan(ahead);
  }, WAIT);
  await oldApplier.node.close();

  await us.node.write((tx) => tx.query("update items set value = 'new' where id < 999"));
  const writtenAtMs = performance.now();
  // A claim that is younger than the write: it was heard by then. And one that is younger than that: from
  // now on the reader itself remembers nothing of it.
  await claimedSince(reader, writtenAtMs);
  await claimedSince(reader, performance.now());
  const [before, after] = [(await oldHalf.read([])).meta!, (await newHalf.read([])).meta!];
  expect(before.incarnation).toBe(after.incarnation);
  expect(before.revision).toBeGreaterThan(after.revision);
  const [lost] = (await oldHalf.read(['item:1'])).records;
  expect(Buffer.from(lost!.value!.data!).toString()).toContain('old');
  expect(lost!.value!.version).toEqual(lost!.tidemark);

  // The first read of each decides: what it loads is right in either half.
  const seen: unknown[] = [];
  for (const id of IDS) {
    const ageMs = Math.floor(performance.now() - writtenAtMs);
    seen.push((await reader.node.get(items, { id }, { consistency: bounded(`${ageMs}ms`) }))?.value);
  }
  expect(seen).toEqual(IDS.map(() => 'new'));

  // Who reads the half that the claims speak of has their proof.
  const moved = await regions.node('eu', { store: newHalf, l1EntriesMax: 1, roles: NO_ROLES });
  for (const id of IDS) await provenInStore(moved, id, 'new');
});
