import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { items, type OpenNode, Regions } from './regions-harness.ts';

const WAIT = { timeout: 20_000, interval: 15 };
const READER = {
  roles: { relay: false, applier: false },
  sessionSecrets: ['a secret of these tests'],
} as const;

let regions: Regions;
let eu: OpenNode;
let us: OpenNode;

beforeAll(async () => {
  regions = await Regions.start(['us', 'eu']);
});
afterAll(() => regions.close());
afterEach(() => regions.closeNodes());

/** us holds the old value in both tiers, and nobody tells it anything any more. */
beforeEach(async () => {
  await regions.sql(1, 'old');
  eu = await regions.node('eu', { sessionSecrets: READER.sessionSecrets });
  const applier = await regions.node('us');
  us = await regions.node('us', READER);
  await vi.waitFor(async () => {
    const result = await us.node.read(items, { id: 1 });
    expect([result.value?.value, result.tier]).toEqual(['old', 'l1']);
  }, WAIT);
  await applier.close();
});

async function write(value: string): Promise<string> {
  const { session } = await eu.node.write((tx) =>
    tx.query('update items set value = $1 where id = 1', [value]),
  );
  return session.token();
}

it('a session reads what it wrote in another region that never heard of it', async () => {
  const session = us.node.session(await write('new'));
  expect((await us.node.get(items, { id: 1 }))?.value).toBe('old');
  expect((await us.node.get(items, { id: 1 }, { consistency: session }))?.value).toBe('new');
});

it('a session that saw something newer never goes back, also through a node that restarted', async () => {
  await write('new');
  const session = eu.node.session();
  await vi.waitFor(async () => {
    expect((await eu.node.get(items, { id: 1 }, { consistency: session }))?.value).toBe('new');
  }, WAIT);
  await us.close();
  us = await regions.node('us', READER); // Its L1 is gone; the region's Redis still holds the old value.
  const handedOn = us.node.session(session.token());
  expect(await us.node.read(items, { id: 1 })).toMatchObject({ tier: 'l2', value: { value: 'old' } });
  for (let i = 0; i < 3; i += 1) {
    expect((await us.node.get(items, { id: 1 }, { consistency: handedOn }))?.value).toBe('new');
  }
});

it('its load repairs the region: the fill raises the tidemark that no event brought', async () => {
  const session = us.node.session(await write('new'));
  await us.node.get(items, { id: 1 }, { consistency: session });
  const again = await us.node.read(items, { id: 1 });
  expect([again.value?.value, again.tier]).not.toEqual(['old', 'l2']);
});

it('latest: a full load only when the row moved', async () => {
  const before = us.node.stats().loads;
  expect((await us.node.read(items, { id: 1 }, { consistency: 'latest' })).tier).not.toBe('source');
  expect(us.node.stats().loads).toBe(before);
  await regions.sql(1, 'by psql');
  expect((await us.node.get(items, { id: 1 }, { consistency: 'latest' }))?.value).toBe('by psql');
  expect(us.node.stats().loads).toBe(before + 1);
});
