import { bounded, keyspace } from '@tidemark/core';
import { type PostgresStandby, startPostgresStandby } from '@tidemark/testbed';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Item, type OpenNode, Regions } from './regions-harness.ts';

const WAIT = { timeout: 20_000, interval: 10 };
const KEY = 'item:1';
const ITEM = { id: 1 };

/** Expires at once, so that every read loads. */
const items = keyspace({
  name: 'item',
  params: { id: 'int' },
  ttl: 2,
  load: ({ id }, { db }) => db.maybeOne<Item>('select id, value from items where id = $1', [id]),
});
/** The same rows, cached. */
const kept = keyspace({
  name: 'item',
  params: { id: 'int' },
  load: ({ id }, { db }) => db.maybeOne<Item>('select id, value from items where id = $1', [id]),
});

let regions: Regions;
let standby: PostgresStandby;

beforeAll(async () => {
  regions = await Regions.start(['us', 'eu']);
});
beforeEach(async () => {
  standby = await startPostgresStandby(regions.postgres);
  await regions.sql(1, 'old');
  await standby.caughtUp();
});
afterEach(async () => {
  await regions.closeNodes();
  await standby.close();
});
afterAll(() => regions.close());

function withReplica(region: string, keyspaces = [kept]): Promise<OpenNode> {
  return regions.node(region, { keyspaces }, { replicas: [regions.urlOn(standby)] });
}

/** The region has applied what the primary says about the key now. */
async function applied({ store, source }: OpenNode): Promise<void> {
  const { versions } = await source.labels([KEY]);
  await vi.waitFor(async () => {
    const { meta, records } = await store.read([KEY]);
    expect(meta).not.toBeNull();
    expect(records[0]?.tidemark.n).toBeGreaterThanOrEqual(versions[0]!.n);
  }, WAIT);
}

async function reads({ node }: OpenNode, value: string): Promise<void> {
  await vi.waitFor(async () => expect((await node.get(kept, ITEM))?.value).toBe(value), WAIT);
}

/** What either tier would serve. */
async function cached({ node, store }: OpenNode): Promise<(string | undefined)[]> {
  const { meta, records } = await store.read([KEY]);
  const { tidemark, value } = records[0] ?? {};
  const servable = meta && value?.data && value.version.n >= tidemark!.n && value.epoch >= meta.epoch;
  const l2 = servable ? (JSON.parse(Buffer.from(value.data).toString()) as Item).value : undefined;
  return [node.peek(kept, ITEM)?.value, l2];
}

/** Both tiers come to hold the value; L1 only once the node has its place in the feed. */
async function caches(each: OpenNode, value: string): Promise<void> {
  await vi.waitFor(async () => {
    expect((await each.node.get(kept, ITEM))?.value).toBe(value);
    expect(await cached(each)).toEqual([value, value]);
  }, WAIT);
}

describe('a region that loads from a replica', () => {
  it('caches what it shows while it is no older than what the region knows', async () => {
    const eu = await withReplica('eu');
    await vi.waitFor(() => expect(eu.node.stats().stalenessBoundMs).toBeLessThan(2_000), WAIT);
    // The primary would say 'old' as well; a table that only the replica's snapshot still shows tells them apart.
    await standby.pauseReplay();
    await regions.admin.query(`alter table items disable trigger all; update items set value = 'untold';
      alter table items enable trigger all`);
    expect(await eu.node.read(kept, ITEM)).toMatchObject({ value: { value: 'old' }, tier: 'source' });
    expect(await cached(eu)).toEqual(['old', 'old']);
    // A bounded read that misses asks the primary: a replica proves nothing.
    const fresh = await regions.node('us', { keyspaces: [kept] }, { replicas: [regions.urlOn(standby)] });
    const read = await fresh.node.read(kept, ITEM, { consistency: bounded(1) });
    expect(read.value?.value).toBe('untold');
    await standby.resumeReplay();
  });

  it('never serves or caches the past: a known tidemark sends the load to the primary', async () => {
    const eu = await withReplica('eu');
    await reads(eu, 'old');
    await standby.pauseReplay();
    await regions.sql(1, 'new');
    await applied(eu);
    expect((await eu.node.get(kept, ITEM))?.value).toBe('new');
    await caches(eu, 'new');
    await standby.resumeReplay();
  });

  it('nor when its tidemarks are gone: what it may have forgotten, a replica must show', async () => {
    const eu = await withReplica('eu');
    await reads(eu, 'old');
    await standby.pauseReplay();
    await regions.sql(1, 'new');
    await applied(eu);
    const { redis } = regions.servers.get('eu')!;
    const { incarnation } = (await eu.store.read([])).meta!;
    await redis.kill();
    await redis.wipe();
    await redis.start();
    await vi.waitFor(async () => {
      const value = (await eu.node.get(kept, ITEM))?.value;
      expect(value).toBe('new');
      const { meta } = await eu.store.read([]);
      expect(meta?.incarnation).toBeTruthy();
      expect(meta?.incarnation).not.toBe(incarnation);
    }, WAIT);
    const other = await withReplica('eu');
    expect((await other.node.get(kept, ITEM))?.value).toBe('new');
    await caches(other, 'new');
    await standby.resumeReplay();
  });

  it('never returns less than its store knew before the read, whatever the replay does', async () => {
    const [eu, us] = await Promise.all([
      withReplica('eu', [items]),
      regions.node('us', { keyspaces: [items] }),
    ]);
    await vi.waitFor(async () => expect((await eu.node.get(items, ITEM))?.value).toBe('old'), WAIT);
    const versions = new Map<string, number>([['old', (await eu.source.labels([KEY])).versions[0]!.n]]);
    let writing = true;
    const writer = (async () => {
      for (let count = 0; count < 60; count += 1) {
        const value = `write ${count}`;
        const { invalidations } = await us.node.write(async (tx) => {
          versions.set(value, Number.MAX_SAFE_INTEGER); // Until it is known, it offends nobody.
          await tx.query('update items set value = $1 where id = 1', [value]);
        });
        versions.set(value, invalidations[0]!.version.n);
      }
    })().finally(() => {
      writing = false;
    });
    const lag = (async () => {
      while (writing) {
        await standby.pauseReplay();
        await regions.admin.query('select pg_sleep(0.05)');
        await standby.resumeReplay();
        await regions.admin.query('select pg_sleep(0.02)');
      }
    })();
    const reader = (async () => {
      let count = 0;
      while (writing) {
        const before = (await eu.store.read([KEY])).records[0]?.tidemark.n ?? 0;
        const { value, tier } = await eu.node.read(items, ITEM);
        // The store is told before L1, whose entries live for 2 ms here.
        if (tier === 'l1') continue;
        expect(versions.get(value!.value)).toBeGreaterThanOrEqual(before);
        count += 1;
      }
      return count;
    })();
    const [, , count] = await Promise.all([writer, lag, reader]);
    expect(count).toBeGreaterThan(20);
  });

  it('goes on without it: killed, started again, promoted', async () => {
    const eu = await withReplica('eu', [items]);
    const value = async (): Promise<string | undefined> => (await eu.node.get(items, ITEM))?.value;
    expect(await value()).toBe('old');
    await standby.kill();
    await regions.sql(1, 'without it');
    await applied(eu);
    expect(await value()).toBe('without it');
    await standby.start();
    await standby.caughtUp();
    expect(await value()).toBe('without it');
    await standby.promote();
    // A future of its own, under versions that the primary will give to other writes.
    const zombie = new pg.Client({ connectionString: regions.urlOn(standby) });
    zombie.on('error', () => {});
    await zombie.connect();
    for (let count = 0; count < 50; count += 1) await zombie.query(`update items set value = 'elsewhere'`);
    await zombie.end();
    for (let count = 0; count < 20; count += 1) expect(await value()).toBe('without it');
    await regions.sql(1, 'the primary goes on');
    await applied(eu);
    expect(await value()).toBe('the primary goes on');
  });
});
