import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { keptItems } from './kept-items.ts';
import { type OpenNode, Regions } from './regions-harness.ts';

const WAIT = { timeout: 20_000, interval: 15 };
const ID = { id: 1 };

let regions: Regions;
let us: OpenNode;
let eu: OpenNode;

beforeAll(async () => {
  regions = await Regions.start(['us', 'eu']);
});
beforeEach(async () => {
  [us, eu] = [
    await regions.node('us', { keyspaces: [keptItems] }),
    await regions.node('eu', { keyspaces: [keptItems] }),
  ];
  for (const value of ['good', 'bad']) {
    await regions.sql(1, value);
    await reads(us, value);
    // Exactly this version is in the history: the load that put it there saw no other.
    await vi.waitFor(async () => {
      await us.node.get(keptItems, ID);
      const [newest] = await us.node.versions(keptItems, ID);
      expect(newest?.current).toBe(true);
    }, WAIT);
  }
  await reads(eu, 'bad');
});
afterEach(() => regions.closeNodes());
afterAll(() => regions.close());

async function reads({ node }: OpenNode, value: string): Promise<void> {
  await vi.waitFor(async () => expect((await node.get(keptItems, ID))?.value).toBe(value), WAIT);
}

describe('a key is rolled back on real servers', () => {
  it('in every region, also when their Redis comes back empty, until anybody writes', async () => {
    await us.node.rollback(keptItems, ID);
    expect((await us.node.get(keptItems, ID))?.value).toBe('good');
    await reads(eu, 'good');
    for (const { redis } of regions.servers.values()) {
      await redis.kill();
      await redis.start();
    }
    for (const each of [us, eu]) await reads(each, 'good');
    const cold = await regions.node('eu', { keyspaces: [keptItems] });
    expect((await cold.node.get(keptItems, ID))?.value).toBe('good');
    await regions.sql(1, 'better, by psql');
    for (const each of [us, eu, cold]) await reads(each, 'better, by psql');
  });

  it('also when the process is killed between commit and publish', async () => {
    const { process: writer, said } = await regions.child('rolling-writer.ts', 'us');
    writer.kill('SIGKILL');
    expect(said).toBe('committed');
    for (const each of [us, eu]) await reads(each, 'good');
  });
});
