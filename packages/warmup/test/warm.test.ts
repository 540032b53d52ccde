import { noTelemetry, type EngineEvent, type Telemetry } from '@tidemark/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { peerOrigin, readCopies } from '../src/index.ts';
import { interrupted, rows, type WarmRegions, warmRegions } from './warm-regions.ts';
import { COUNT, Warmer } from './warmer.ts';

let regions: WarmRegions;
const { listOf, run, fromSource, meta, expireInEu } = new Warmer(() => regions);

beforeEach(async () => {
  regions = await warmRegions(COUNT);
});
afterEach(() => regions.close());

describe('a warm-up from a peer', () => {
  it('tells after each batch where it stands, in a span for the whole and one for each batch', async () => {
    const events: EngineEvent[] = [];
    const spans: string[] = [];
    const telemetry: Telemetry = {
      ...noTelemetry,
      record: (event) => void events.push(event),
      trace(name, _attributes, _origin, work) {
        spans.push(name);
        return work({ set() {}, end() {} });
      },
    };
    await run({ telemetry });
    expect(spans).toEqual([
      'tidemark.warmup',
      ...Array.from({ length: COUNT / 50 }, () => 'tidemark.warmup.batch'),
    ]);
    expect(events).toHaveLength(COUNT / 50);
    expect(events.at(-1)).toMatchObject({
      type: 'warmup',
      keys: COUNT,
      filled: COUNT,
      refused: 0,
      coverage: 1,
    });
  });

  it('fills everything that the peer may serve, and readers then load nothing', async () => {
    const report = await run();
    expect(report).toMatchObject({ outcome: 'complete', filled: COUNT, there: 0, refused: {}, coverage: 1 });
    for (let id = 0; id < COUNT; id += 1) expect(await regions.eu.get(rows, { id })).toEqual({ value: 0 });
    expect(regions.eu.stats().loads).toBe(0);
    // Again: nothing to do, and no value is replaced.
    expect(await run()).toMatchObject({ outcome: 'complete', filled: 0, there: COUNT });
  });

  it('a value that is overwritten between its copy and its fill is refused', async () => {
    let once = true;
    const peer = interrupted(regions.stores.us, async () => {
      if (!once) return;
      once = false;
      await regions.eu.write((tx) => tx.set('row:3', { value: 9 }));
    });
    const report = await run({ origins: [peerOrigin('us', peer)] });
    expect(report.refused).toEqual({ 'below-tidemark': 1 });
    expect(await regions.eu.get(rows, { id: 3 })).toEqual({ value: 9 });
    expect(regions.eu.stats().loads).toBe(1);
  });

  it.each([
    ['void since the epoch was raised', async () => regions.stores.eu.raiseEpoch((await meta()).base)],
    ['past its TTL', expireInEu],
    ['made from what has changed', () => regions.us.write(async (tx) => tx.invalidateTag('seven'))],
  ] as const)('a value that is there and %s is replaced, not counted as there', async (why, spoil) => {
    await run();
    await spoil();
    if (why.startsWith('made'))
      await expect.poll(() => regions.us.get(rows, { id: 7 })).toEqual({ value: 0 });
    const spoiled = why.startsWith('void') ? COUNT : 1;
    await expect
      .poll(async () => (await readCopies(regions.stores.eu, (await listOf()).keys)).without.length)
      .toBe(spoiled);
    await expect.poll(async () => (await readCopies(regions.stores.us, ['row:7'])).without).toEqual([]);
    expect(await run({ prover: regions.source })).toMatchObject({
      outcome: 'complete',
      filled: spoiled,
      there: COUNT - spoiled,
      coverage: 1,
    });
    expect((await readCopies(regions.stores.eu, (await listOf()).keys)).without).toEqual([]);
  });

  it('nor without the word of the source, which may have a newer one of the same version: the next origin is asked', async () => {
    const { blocks } = await readCopies(regions.stores.us, ['row:1', 'row:2']);
    await run();
    await expireInEu();
    const work = [{ index: 0, keys: ['row:1', 'row:2'], reads: [], copies: blocks[0]! }];
    expect(await run({ work, keysKnown: 2, origins: [] })).toMatchObject({
      there: 1,
      refused: { unproven: 1 },
    });
    expect(await run({ work, keysKnown: 2, origins: [fromSource()] })).toMatchObject({
      there: 1,
      filled: 1,
      refused: {},
    });
  });

  it('a store that is emptied between copy and fill takes nothing that was seen before', async () => {
    let once = true;
    const peer = interrupted(regions.stores.us, async () => {
      if (once) regions.stores.eu.clear();
      once = false;
    });
    const report = await run({ origins: [peerOrigin('us', peer)] }, listOf({ top: 50 }));
    // The batch is tried again once the applier has set the store up.
    expect(report).toMatchObject({ outcome: 'complete', filled: 50 });
    expect((await regions.stores.eu.read(['row:1'])).meta).not.toBeNull();
  });

  it('what a value was made from is watched in its new place', async () => {
    await run();
    expect(await regions.eu.get(rows, { id: 7 })).toEqual({ value: 0 });
    expect(regions.eu.stats().loads).toBe(0);
    await regions.us.write(async (tx) => tx.invalidateTag('seven'));
    await expect
      .poll(async () => {
        await regions.eu.get(rows, { id: 7 });
        return regions.eu.stats().loads;
      })
      .toBe(1);
  });

  it('what the peer itself may not serve is not copied', async () => {
    await regions.stores.us.raise([{ key: 'row:5', version: { era: 1, n: 2 ** 40 } }]);
    expect(await run()).toMatchObject({ outcome: 'complete', filled: COUNT - 1, refused: { absent: 1 } });
  });

  it('what is older than the store can judge needs the word of the source on its version', async () => {
    const { eu } = regions.stores;
    const { keys } = await listOf();
    const old = interrupted(regions.stores.us, async () => {});
    const behind = {
      ...peerOrigin('us', old),
      read: async (asked: readonly string[]) => {
        const copies = await readCopies(old, asked);
        return { ...copies, blocks: copies.blocks.map((block) => ({ ...block, asOf: { era: 0, xid: 0 } })) };
      },
    } as ReturnType<typeof peerOrigin>;
    expect((await run({ origins: [behind] })).refused).toEqual({ base: COUNT });
    // Copies of before two writes; eu has lost all that it heard of them.
    const copied = await readCopies(regions.stores.us, keys);
    await regions.us.write(async (tx) => {
      await tx.set('row:1', { value: 5 });
      await tx.set('row:2', { value: 5 });
    });
    eu.clear();
    await expect.poll(async () => (await eu.read([])).meta).not.toBeNull();
    const stale = {
      ...behind,
      read: async (asked: readonly string[]) => {
        const wanted = new Set(asked);
        const blocks = copied.blocks.map(({ values }) => ({
          asOf: { era: 0, xid: 0 },
          values: values.filter(({ key }) => wanted.has(key)),
        }));
        return { blocks, without: [] };
      },
    } as ReturnType<typeof peerOrigin>;
    const report = await run({ origins: [stale], prover: regions.source });
    expect(report).toMatchObject({ filled: COUNT - 2, refused: { unproven: 2 } });
    for (const record of (await eu.read(keys)).records) {
      if (record?.value) expect(record.value.version).toEqual(record.tidemark);
    }
  });
});
