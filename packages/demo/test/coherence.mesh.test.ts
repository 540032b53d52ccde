import { bounded } from '@tidemark/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { items, type OpenNode, Regions } from './regions-harness.ts';

const IDS = ['us', 'eu', 'ap'] as const;
const WAIT = { timeout: 20_000, interval: 15 };

let regions: Regions;

beforeAll(async () => {
  regions = await Regions.start(IDS);
});
beforeEach(async () => {
  await regions.sql(1, 'old');
});
afterEach(async () => {
  await regions.closeNodes();
});
afterAll(async () => {
  await regions.close();
});

/** Both tiers of the node's region hold the value, and its freshness is proven. */
async function warm({ node }: OpenNode, value: string): Promise<void> {
  await vi.waitFor(async () => {
    const result = await node.read(items, { id: 1 });
    expect(result.value?.value).toBe(value);
    expect(result.tier).toBe('l1');
    expect(result.stalenessBoundMs).toBeLessThan(2_000);
  }, WAIT);
}

async function reads({ node }: OpenNode, value: string): Promise<void> {
  await vi.waitFor(async () => expect((await node.get(items, { id: 1 }))?.value).toBe(value), WAIT);
}

async function write({ node }: OpenNode, value: string): Promise<void> {
  await node.write((tx) => tx.query('update items set value = $1 where id = 1', [value]));
}

describe('three regions on real servers', () => {
  it('a write through the library reaches every region, and its own at once', async () => {
    const nodes = await Promise.all(IDS.map((id) => regions.node(id)));
    await Promise.all(nodes.map((each) => warm(each, 'old')));
    await write(nodes[1]!, 'new');
    expect((await nodes[1]!.node.get(items, { id: 1 }))?.value).toBe('new');
    await Promise.all(nodes.map((each) => reads(each, 'new')));
  });

  it('a write by plain SQL reaches every region', async () => {
    const nodes = await Promise.all(IDS.map((id) => regions.node(id)));
    await Promise.all(nodes.map((each) => warm(each, 'old')));
    await regions.sql(1, 'by psql');
    await Promise.all(nodes.map((each) => reads(each, 'by psql')));
  });

  it('a delete and a re-insert reach every region, as absence and as a value', async () => {
    const nodes = await Promise.all(IDS.map((id) => regions.node(id)));
    await Promise.all(nodes.map((each) => warm(each, 'old')));
    await regions.admin.query('delete from items where id = 1');
    await Promise.all(
      nodes.map(({ node }) =>
        vi.waitFor(async () => expect(await node.get(items, { id: 1 })).toBeNull(), WAIT),
      ),
    );
    await regions.sql(1, 'again');
    await Promise.all(nodes.map((each) => reads(each, 'again')));
  });

  it('kill -9 of a writer between commit and publish loses nothing', async () => {
    const nodes = await Promise.all(IDS.map((id) => regions.node(id)));
    await Promise.all(nodes.map((each) => warm(each, 'old')));
    const { process: writer, said } = await regions.child('crashing-writer.ts', 'us');
    writer.kill('SIGKILL');
    expect(said).toBe('committed');
    await Promise.all(nodes.map((each) => reads(each, 'by the dead')));
  });

  it.each(['its data kept', 'its data gone'])(
    'kill -9 and restart of a NATS, %s: converges by itself',
    async (data) => {
      const nodes = await Promise.all(IDS.map((id) => regions.node(id)));
      await Promise.all(nodes.map((each) => warm(each, 'old')));
      const { nats } = regions.servers.get('us')!;
      await nats.kill();
      await write(nodes[0]!, 'while it was down');
      if (data === 'its data gone') await nats.wipe();
      await nats.start();
      await Promise.all(nodes.map((each) => reads(each, 'while it was down')));
      await write(nodes[0]!, 'after');
      await Promise.all(nodes.map((each) => warm(each, 'after')));
    },
  );

  it('kill -9 and restart of a Redis with its data gone: converges by itself', async () => {
    const nodes = await Promise.all(IDS.map((id) => regions.node(id)));
    await Promise.all(nodes.map((each) => warm(each, 'old')));
    const before = (await nodes[1]!.store.read([])).meta!.incarnation;
    const { redis } = regions.servers.get('eu')!;
    await redis.kill();
    await write(nodes[0]!, 'while it was down');
    expect((await nodes[1]!.node.get(items, { id: 1 }))?.value).toBeDefined();
    await redis.start();
    await reads(nodes[1]!, 'while it was down');
    await vi.waitFor(async () => {
      const { meta } = await nodes[1]!.store.read([]);
      expect(meta?.incarnation).toBeTruthy();
      expect(meta?.incarnation).not.toBe(before);
    }, WAIT);
    await write(nodes[0]!, 'after');
    await Promise.all(nodes.map((each) => warm(each, 'after')));
  });

  it('the process with the roles dies: another node takes over', async () => {
    const { process: holder, said } = await regions.child('role-holder.ts', 'us');
    expect(said).toBe('leading both roles');
    const nodes = await Promise.all(IDS.map((id) => regions.node(id)));
    await Promise.all(nodes.map((each) => warm(each, 'old')));
    holder.kill('SIGKILL');
    await regions.sql(1, 'after the death');
    await Promise.all(nodes.map((each) => reads(each, 'after the death')));
    await Promise.all(nodes.map((each) => warm(each, 'after the death')));
  });

  it.each(['redis', 'nats'] as const)('%s stopped: reads and writes of its region go on', async (kind) => {
    const eu = await regions.node('eu');
    await warm(eu, 'old');
    const server = regions.servers.get('eu')![kind];
    await server.stop();
    try {
      await write(eu, 'without it');
      expect((await eu.node.get(items, { id: 1 }))?.value).toBe('without it');
      expect((await eu.node.get(items, { id: 1 }, { consistency: bounded('2s') }))?.value).toBe('without it');
    } finally {
      await server.start();
    }
    await regions.sql(1, 'with it again');
    await warm(eu, 'with it again');
  });

  it('redis hung (SIGSTOP): reads and writes go on within its command timeout', async () => {
    const eu = await regions.node('eu');
    await warm(eu, 'old');
    const { redis } = regions.servers.get('eu')!;
    redis.pause();
    try {
      await write(eu, 'without it');
      expect((await eu.node.get(items, { id: 1 }))?.value).toBe('without it');
    } finally {
      redis.resume();
    }
    await regions.sql(1, 'with it again');
    await warm(eu, 'with it again');
  });

  it('a region cut off from the bus heals from the changelog, and never breaks its bound', async () => {
    const nodes = await Promise.all(IDS.map((id) => regions.node(id)));
    await Promise.all(nodes.map((each) => warm(each, 'old')));
    regions.cut('eu');
    await write(nodes[0]!, 'during the cut');
    const ackedAtMs = performance.now();
    const consistency = bounded('1s');
    await vi.waitFor(async () => {
      const beganMs = performance.now();
      const value = (await nodes[1]!.node.get(items, { id: 1 }, { consistency }))?.value;
      if (beganMs - ackedAtMs > 1_000) expect(value).toBe('during the cut');
      expect(beganMs - ackedAtMs).toBeGreaterThan(3_000);
    }, WAIT);
    regions.heal('eu');
    await write(nodes[0]!, 'after');
    await Promise.all(nodes.map((each) => warm(each, 'after')));
  });
});
