import { keyspace, startNode, StoreUnavailableError } from '@tidemark/core';
import type { MemoryDb } from '@tidemark/memory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keyList, peerOrigin, readCopies, sourceOrigin } from '../src/index.ts';
import { interrupted, type WarmRegions, warmRegions } from './warm-regions.ts';
import { COUNT, Warmer } from './warmer.ts';

let regions: WarmRegions;
const { listOf, run, fromSource } = new Warmer(() => regions);

beforeEach(async () => {
  regions = await warmRegions(COUNT);
});
afterEach(() => regions.close());

describe('several origins', () => {
  it('a peer that dies in the middle is replaced by the source', async () => {
    let batches = 0;
    const dying = interrupted(regions.stores.us, async ([key]) => {
      if (key!.startsWith('row:')) batches += 1;
      if (batches > 4) throw new StoreUnavailableError('gone');
    });
    const away: string[] = [];
    const report = await run({
      origins: [peerOrigin('us', dying), fromSource()],
      onAway: (name) => away.push(name),
    });
    expect(away).toEqual(['us']);
    expect(report).toMatchObject({ outcome: 'complete', filled: COUNT, refused: {}, away: ['us'] });
    expect(regions.eu.stats().loads).toBe(COUNT - 200);
  });

  it('without another one the warm-up ends incomplete, and says what is missing', async () => {
    const dead = interrupted(regions.stores.us, async () => {
      throw new StoreUnavailableError('gone');
    });
    const report = await run({ origins: [peerOrigin('us', dead)] });
    expect(report).toMatchObject({ outcome: 'incomplete', refused: { absent: COUNT }, away: ['us'] });
  });

  it('the source loads each key once, however many workers warm at once', async () => {
    const reports = await Promise.all([0, 1, 2].map(() => run({ origins: [fromSource()] })));
    for (const report of reports) expect(report).toMatchObject({ outcome: 'complete', coverage: 1 });
    expect(regions.eu.stats().loads).toBe(COUNT);
  });

  it('a source that is down is no complete warm-up', async () => {
    await regions.source.close();
    const report = await run({ origins: [fromSource()] }, listOf({ top: 60 }));
    expect(report).toMatchObject({ outcome: 'incomplete', away: ['source'], refused: { absent: 60 } });
  });

  it('a row that can not be loaded takes no other key with it', async () => {
    const poisoned = keyspace<{ id: 'int' }, { value: number }, MemoryDb>({
      name: 'row',
      params: { id: 'int' },
      load: ({ id }, { db }) => db.get(`row:${id}`),
      async loadMany(params, { db }) {
        if (params.some(({ id }) => id === 5)) throw new Error('a row of another shape');
        return Promise.all(params.map(({ id }) => db.get<{ value: number }>(`row:${id}`)));
      },
    });
    const { eu } = regions.stores;
    const node = await startNode({ keyspaces: [poisoned], store: eu, source: regions.source, hotKeysMax: 0 });
    const budget = { loadsPerSecond: 1_000 };
    const origin = sourceOrigin({ node, keyspaces: [poisoned], store: eu, budget });
    const report = await run({ origins: [origin] }, listOf({ top: 60 }));
    await node.close();
    expect(report).toMatchObject({ outcome: 'complete', away: [], filled: 60 });
  });

  it('copies at hand that are not all of a batch leave the rest to the origins', async () => {
    const { blocks } = await readCopies(regions.stores.us, ['row:1', 'row:2']);
    const work = [{ index: 0, keys: ['row:1', 'row:2', 'row:3'], reads: [], copies: blocks[0]! }];
    const report = await run({ work, origins: [fromSource()], keysKnown: 3 });
    expect(report).toMatchObject({ filled: 3, coverage: 1, refused: {} });
    expect(regions.eu.stats().loads).toBe(1);
  });

  it('keys of a keyspace that the source can not load are left out', async () => {
    const list = keyList({ others: [['row:1', 'other:1', 'row:x']] });
    expect(await run({ origins: [fromSource()] }, list)).toMatchObject({ filled: 1, refused: { absent: 2 } });
  });
});
