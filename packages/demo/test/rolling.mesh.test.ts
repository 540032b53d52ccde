import {
  bounded,
  type EngineEvent,
  type NodeOptions,
  noTelemetry,
  type SqlExecutor,
  type Telemetry,
} from '@tidemark/core';
import { natsBus } from '@tidemark/nats';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Dialect, nextRelease } from './next-release.ts';
import { items, type OpenNode, Regions } from './regions-harness.ts';

const WAIT = { timeout: 20_000, interval: 5 };
const BOUND_MS = 1_500;
const WRITES = 30;

let regions: Regions;
let nextId = 0;
const closing: (() => Promise<void>)[] = [];

beforeAll(async () => {
  regions = await Regions.start(['us', 'eu']);
});
afterEach(async () => {
  await regions.closeNodes();
  for (const close of closing.splice(0)) await close();
});
afterAll(() => regions.close());

/** Counts what a node tells its telemetry. */
function counting(): { readonly telemetry: Telemetry; readonly events: EngineEvent[] } {
  const events: EngineEvent[] = [];
  return { telemetry: { ...noTelemetry, record: (event) => void events.push(event) }, events };
}

/** A node in us as a later release would be. */
async function nextNode(dialect: Dialect, relay: boolean): Promise<OpenNode> {
  const { region, nats } = regions.addresses('us');
  const servers = Object.fromEntries(Object.entries(nats).map(([id, url]) => [id, { servers: url }]));
  const bus = await natsBus({ source: 'test', region, servers });
  closing.push(() => bus.close());
  return regions.node('us', { bus: nextRelease(bus, dialect), roles: { relay, applier: true } });
}

function todayNode(relay: boolean, options: Partial<NodeOptions<SqlExecutor, SqlExecutor>> = {}) {
  return regions.node('eu', { roles: { relay, applier: true }, ...options });
}

/**
 * Writes and, all the while, bounded reads elsewhere: none returns less than what was acknowledged longer
 * ago than its bound.
 */
async function boundedReadsHold(writer: OpenNode, reader: OpenNode, behindTheBack: boolean): Promise<void> {
  const id = (nextId += 1);
  const acknowledged: { readonly n: number; readonly atMs: number }[] = [];
  let done = false;
  await regions.sql(id, '0');
  const reading = (async () => {
    for (let reads = 0; !done || reads < 50; reads += 1) {
      const mustKnow = acknowledged.findLast(({ atMs }) => atMs <= performance.now() - BOUND_MS)?.n ?? 0;
      const item = await reader.node.get(items, { id }, { consistency: bounded(BOUND_MS) });
      expect(Number(item?.value)).toBeGreaterThanOrEqual(mustKnow);
      await new Promise(setImmediate);
    }
  })();
  for (let n = 1; n <= WRITES; n += 1) {
    if (behindTheBack) await regions.sql(id, String(n));
    else {
      await writer.node.write((tx) => tx.query('update items set value = $2 where id = $1', [id, String(n)]));
    }
    acknowledged.push({ n, atMs: performance.now() });
  }
  done = true;
  await reading;
  await vi.waitFor(async () => {
    expect((await reader.node.get(items, { id }))?.value).toBe(String(WRITES));
  }, WAIT);
}

describe.each<Dialect>(['readable', 'unreadable'])('beside a release whose messages are %s', (dialect) => {
  it.each([true, false])('both ways, while the relay is of the later release: %s', async (nextRelays) => {
    const { telemetry, events } = counting();
    const us = await nextNode(dialect, nextRelays);
    const eu = await todayNode(!nextRelays, { telemetry });
    await boundedReadsHold(us, eu, false);
    await boundedReadsHold(eu, us, false);
    await boundedReadsHold(us, eu, true);
    await boundedReadsHold(eu, us, true);
    // Freshness goes on being proven, if need be from the changelog: bounded reads are served by caches.
    await vi.waitFor(() => expect(eu.node.stats().stalenessBoundMs).toBeLessThan(BOUND_MS), WAIT);
    const of = (type: EngineEvent['type']) => events.filter((event) => event.type === type);
    expect(of('later-message').length).toBeGreaterThan(0);
    expect(of('bad-message')).toEqual([]);
    if (dialect === 'readable') {
      const reasons = of('gap').map((event) => event.type === 'gap' && event.reason);
      expect(reasons.filter((reason) => reason === 'a hole before a barrier')).toEqual([]);
    }
  });
});

it('a store that a later release took over is left to it, reads go on, and it may be given back', async () => {
  const { telemetry, events } = counting();
  const us = await regions.node('us', { roles: { relay: true, applier: true } });
  const eu = await todayNode(false, { telemetry });
  const id = (nextId += 1);
  await regions.sql(id, 'before');
  await vi.waitFor(async () => expect((await eu.store.read([])).meta).not.toBeNull(), WAIT);
  expect((await eu.node.get(items, { id }))?.value).toBe('before');
  const redis = new Redis(regions.addresses('eu').redis);
  closing.push(async () => redis.disconnect());
  const today = (await redis.get('tidemark:meta'))!;
  const taken = today.replace(/^1 /, '2 ');
  await redis.set('tidemark:meta', taken);
  await vi.waitFor(() => {
    expect(events).toContainEqual({ type: 'role', role: 'applier', leading: false });
  }, WAIT);
  // Its role is free for an applier of the later release.
  await vi.waitFor(async () => expect(await redis.exists('tidemark:role:applier')).toBe(0), WAIT);
  await boundedReadsHold(us, eu, false);
  await boundedReadsHold(eu, us, false);
  expect(await redis.get('tidemark:meta')).toBe(taken);
  await us.node.write((tx) => tx.query('update items set value = $2 where id = $1', [id, 'after']));
  await redis.set('tidemark:meta', today);
  await vi.waitFor(async () => {
    const answer = await eu.node.read(items, { id });
    expect(answer.value?.value).toBe('after');
    expect(answer.tier).not.toBe('source');
  }, WAIT);
  await boundedReadsHold(us, eu, true);
});
