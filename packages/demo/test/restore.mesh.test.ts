import { bounded, noTelemetry, type Telemetry } from '@tidemark/core';
import { startPostgresStandby, startProxy } from '@tidemark/testbed';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Item, items, type OpenNode, Regions } from './regions-harness.ts';

const IDS = ['us', 'eu'] as const;
const WAIT = { timeout: 25_000, interval: 15 };
const BOUND_MS = 1_000;

let regions: Regions;
let nodes: OpenNode[];
let reading = false;

beforeEach(async () => {
  regions = await Regions.start(IDS);
  await regions.sql(1, 'kept');
  nodes = await Promise.all(IDS.map((id) => regions.node(id)));
});
afterEach(async () => {
  reading = false;
  await regions.close();
});

/** Served from L1, and proven fresh. */
async function settles({ node }: OpenNode, id: number, value: string | null): Promise<void> {
  await vi.waitFor(async () => {
    const read = await node.read(items, { id });
    expect([read.value?.value ?? null, read.tier]).toEqual([value, 'l1']);
    expect(read.stalenessBoundMs).toBeLessThan(5 * BOUND_MS);
  }, WAIT);
}

/** Every value that either tier of a region could still serve. */
async function servable({ node, store }: OpenNode): Promise<string[]> {
  const values = [...node.l1Entries()].map(([, value]) => (value as Item | null)?.value);
  for await (const keys of store.keys()) {
    const { meta, records } = await store.read(keys);
    for (const record of records) {
      const { value, tidemark } = record ?? {};
      if (!meta || !value?.data || value.version.era < meta.horizon.era || value.epoch < meta.epoch) continue;
      if (value.version.era === tidemark!.era && value.version.n < tidemark!.n) continue;
      values.push((JSON.parse(Buffer.from(value.data).toString()) as Item).value);
    }
  }
  return values.filter((value) => value !== undefined);
}

/** Bounded readers on every node; what each got, and when it had asked. */
function readers(): {
  stop(): Promise<{ readonly value: string | undefined; readonly askedAtMs: number }[]>;
} {
  const seen: { value: string | undefined; askedAtMs: number }[] = [];
  reading = true;
  const running = nodes.map(async ({ node }) => {
    while (reading) {
      const askedAtMs = performance.now();
      try {
        const consistency = bounded(BOUND_MS);
        seen.push({ value: (await node.get(items, { id: 1 }, { consistency }))?.value, askedAtMs });
      } catch {
        // While the source is away there may be no answer.
      }
      await new Promise(setImmediate);
    }
  });
  return {
    async stop() {
      reading = false;
      await Promise.all(running);
      return seen;
    },
  };
}

async function era({ source }: OpenNode): Promise<number> {
  return (await source.labels([])).asOf.era;
}

describe('a source that went back in time', () => {
  it.each(['of this era', 'of an older era'])(
    'to a backup %s: no region serves or keeps the abandoned future',
    async (backupIs) => {
      const { postgres } = regions;
      await Promise.all(nodes.map((each) => settles(each, 1, 'kept')));
      const backup = await postgres.backUp();
      if (backupIs === 'of an older era') {
        await regions.admin.query('select tidemark.raise_era()');
        await Promise.all(
          nodes.map(({ store }) =>
            vi.waitFor(async () => expect((await store.read([])).meta?.horizon.era).toBe(2), WAIT),
          ),
        );
      }
      await regions.sql(1, 'abandoned');
      await regions.sql(2, 'abandoned as well');
      await Promise.all(nodes.map((each) => settles(each, 1, 'abandoned')));
      await Promise.all(nodes.map((each) => settles(each, 2, 'abandoned as well')));
      const before = await era(nodes[0]!);

      const bystanders = readers();
      await postgres.stop();
      await postgres.restore(backup);
      await postgres.start();
      const startedAtMs = performance.now();
      await Promise.all(nodes.map((each) => settles(each, 1, 'kept')));
      await Promise.all(nodes.map((each) => settles(each, 2, null)));
      const seen = await bystanders.stop();

      expect(await era(nodes[0]!)).toBeGreaterThan(before);
      for (const each of nodes)
        expect((await servable(each)).filter((value) => value !== 'kept')).toEqual([]);
      const proven = seen.filter(({ askedAtMs }) => askedAtMs > startedAtMs + BOUND_MS);
      expect(proven.filter(({ value }) => value !== 'kept')).toEqual([]);
      // Versions that the abandoned future had are given out again, under the new era.
      await nodes[0]!.node.write((tx) => tx.query(`update items set value = 'after' where id = 1`));
      await regions.sql(2, 'after');
      for (const id of [1, 2]) await Promise.all(nodes.map((each) => settles(each, id, 'after')));
    },
  );
});

it('a barrier that echoes a later ping gives a source away that went back, long before silence does', async () => {
  await Promise.all(nodes.map(({ node }) => node.close()));
  const record = vi.fn<Telemetry['record']>();
  const us = await regions.node('us', { pingInterval: 2_500, telemetry: { ...noTelemetry, record } });
  await settles(us, 1, 'kept');
  const backup = await regions.postgres.backUp();
  await regions.sql(1, 'abandoned');
  await settles(us, 1, 'abandoned');
  await regions.postgres.stop();
  await regions.postgres.restore(backup);
  await regions.postgres.start();
  await vi.waitFor(() => {
    const gaps = record.mock.calls.map(([event]) => event).filter(({ type }) => type === 'gap');
    expect(gaps.at(-1)).toMatchObject({ reason: 'the source went back' });
  }, WAIT);
  await vi.waitFor(async () => expect((await us.node.get(items, { id: 1 }))?.value).toBe('kept'), WAIT);
});

describe('a standby that was promoted without the last commits', () => {
  it('takes over: what was lost is void, and who still uses the old server proves and changes nothing', async () => {
    await using path = await startProxy({ target: regions.postgres });
    await using standby = await startPostgresStandby(path);
    await standby.caughtUp();
    path.cut('blackhole');
    for (const value of ['lost once', 'lost twice', 'lost']) await regions.sql(1, value);
    await regions.sql(2, 'lost as well');
    const zombie = await regions.node('us', { roles: { relay: true, applier: false } });
    await Promise.all([...nodes, zombie].map((each) => settles(each, 1, 'lost')));
    await Promise.all(nodes.map(({ node }) => node.close()));
    await standby.promote();

    const at = { postgres: regions.urlOn(standby) };
    nodes = await Promise.all(IDS.map((id) => regions.node(id, {}, at)));
    await Promise.all(nodes.map((each) => settles(each, 1, 'kept')));
    await Promise.all(nodes.map((each) => settles(each, 2, null)));
    for (const each of nodes) expect((await servable(each)).filter((value) => value !== 'kept')).toEqual([]);

    // The zombie is told by its region, and writes where nobody looks.
    await settles(zombie, 1, 'kept');
    await zombie.node.write((tx) => tx.query(`update items set value = 'by the dead'`));
    await zombie.node.write((tx) => tx.query(`insert into items values (3, 'by the dead')`));
    await expect(zombie.node.get(items, { id: 3 })).rejects.toMatchObject({ code: 'E_SOURCE_REPLACED' });
    await Promise.all(nodes.map((each) => settles(each, 1, 'kept')));
    await Promise.all(nodes.map((each) => settles(each, 3, null)));

    // Its relay goes on. Nothing that it says of the old server proves anything about the new one.
    await standby.stop();
    await vi.waitFor(() => {
      for (const { node } of nodes) expect(node.stats().stalenessBoundMs).toBeGreaterThan(4_000);
    }, WAIT);
    await standby.start();
    await Promise.all(nodes.map((each) => settles(each, 1, 'kept')));
  });
});
