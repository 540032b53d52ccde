import {
  bounded,
  discardDeadLetters,
  type EngineEvent,
  listDeadLetters,
  noTelemetry,
  type Telemetry,
} from '@tidemark/core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { items, type OpenNode, Regions } from './regions-harness.ts';

const WAIT = { timeout: 20_000, interval: 5 };
const BOUND_MS = 1_500;

let regions: Regions;
let us: OpenNode;
let eu: OpenNode;
let events: EngineEvent[];
let nextId = 0;

beforeAll(async () => {
  regions = await Regions.start(['us', 'eu']);
});
afterEach(async () => {
  await regions.admin.query(`delete from tidemark.versions where key ~ '[{ ]' or version > 9007199254740991`);
  await regions.closeNodes();
});
afterAll(() => regions.close());

async function start(): Promise<void> {
  events = [];
  const telemetry: Telemetry = { ...noTelemetry, record: (event) => void events.push(event) };
  us = await regions.node('us');
  eu = await regions.node('eu', { telemetry, roles: { relay: false, applier: true } });
  await proven(eu);
}

function proven({ node }: OpenNode): Promise<void> {
  return vi.waitFor(() => expect(node.stats().stalenessBoundMs).toBeLessThan(BOUND_MS), WAIT);
}

/** A row that nobody can apply, written behind the library's back, in a transaction of its own. */
async function poison(key: string, version = `nextval('tidemark.version_seq')`): Promise<void> {
  await regions.admin.query(
    `insert into tidemark.versions (key, version, xid, at, deleted)
     values ($1, ${version}, pg_current_xact_id(), now(), false)
     on conflict (key) do update set version = excluded.version, xid = excluded.xid`,
    [key],
  );
}

function open(count: number): Promise<void> {
  return vi.waitFor(
    () =>
      expect(events.findLast(({ type }) => type === 'dead-letters')).toEqual({
        type: 'dead-letters',
        open: count,
      }),
    WAIT,
  );
}

/** What is written is what all regions have in the end, whatever else is going on. */
async function converges(): Promise<void> {
  const id = (nextId += 1);
  for (const value of ['one', 'two', 'three']) {
    await regions.sql(id, value);
    for (const { node } of [us, eu]) {
      await vi.waitFor(async () => expect((await node.get(items, { id }))?.value).toBe(value), WAIT);
    }
  }
}

/** A bounded read is right, and asks the source. */
async function bypasses(): Promise<void> {
  const id = (nextId += 1);
  for (const value of ['one', 'two']) {
    await regions.sql(id, value);
    const consistency = bounded(1);
    expect((await eu.node.read(items, { id }, { consistency })).tier).toBe('source');
    expect((await eu.node.get(items, { id }, { consistency }))?.value).toBe(value);
  }
}

describe.each([
  ['a key that is none', 'Not a key{', undefined],
  ['a version out of range', 'item:999', '9007199254740993'],
])('a changelog row with %s', (_, key, version) => {
  it('is set aside and told; all else goes on, but nothing is proven until it is gone', async () => {
    await start();
    const horizon = (await eu.store.read([])).meta!.horizon;
    await poison(key, version);
    await open(1);
    const letters = await listDeadLetters(eu);
    expect(letters.map(({ change }) => change.key)).toEqual([key]);
    expect(letters[0]?.cause).toMatch(/not a/);
    await converges();
    await bypasses();
    expect(events.findLast(({ type }) => type === 'resync')).toMatchObject({ ok: false });
    // The proof of before is not renewed: it gets older than any bound.
    await vi.waitFor(() => expect(eu.node.stats().stalenessBoundMs).toBeGreaterThan(2 * BOUND_MS), WAIT);
    expect((await eu.store.read([])).meta!.horizon.era).toBe(horizon.era);

    await regions.admin.query('delete from tidemark.versions where key = $1', [key]);
    await open(0);
    await proven(eu);
    await proven(us);
    expect(await listDeadLetters(eu)).toEqual([]);
    await converges();
  });

  it('binds whoever takes over as well, and a mended row is applied', async () => {
    const mended = `item:${7_000 + key.length}`;
    await start();
    await poison(key, version);
    await open(1);
    await eu.close();
    const telemetry: Telemetry = { ...noTelemetry, record: (event) => void events.push(event) };
    events = [];
    eu = await regions.node('eu', { telemetry, roles: { relay: false, applier: true } });
    await open(1);
    await converges();
    expect(eu.node.stats().stalenessBoundMs).toBe(Number.POSITIVE_INFINITY);
    await regions.admin.query(
      `update tidemark.versions set key = $2, version = nextval('tidemark.version_seq'),
       xid = pg_current_xact_id() where key = $1`,
      [key, mended],
    );
    await open(0);
    await proven(eu);
    expect((await eu.store.read([mended])).records[0]?.tidemark.n).toBeGreaterThan(0);
  });

  it('can be given up, at the price of every value of the region', async () => {
    await start();
    const id = (nextId += 1);
    await regions.sql(id, 'kept');
    await eu.node.get(items, { id });
    await poison(key, version);
    await open(1);
    const epoch = (await eu.store.read([])).meta!.epoch;
    await vi.waitFor(async () => expect(await discardDeadLetters(eu)).toEqual([]), WAIT);
    await open(0);
    await proven(eu);
    expect((await eu.store.read([])).meta!.epoch).toBeGreaterThan(epoch);
    await converges();
  });
});
