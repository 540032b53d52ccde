import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { initState, StoreUnavailableError } from '@tidemark/core';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RedisStore } from '../src/index.ts';
import { fillOf, RedisHarness, START, version } from './redis-harness.ts';

const KEY = 'city:1';
const RAISE = [{ key: KEY, version: version(2) }];
const COMMAND_TIMEOUT_MS = 500;
/** Without waiting for any timeout, on a busy machine. */
const AT_ONCE_MS = COMMAND_TIMEOUT_MS / 2;
const SOON = { timeout: 10_000, interval: 10 };

let redis: RedisHarness;
let store: RedisStore;

beforeAll(async () => {
  redis = await RedisHarness.start();
});
afterAll(() => redis.close());
beforeEach(async () => {
  store = await redis.open({ commandTimeoutMs: COMMAND_TIMEOUT_MS });
  return () => store.close();
});

/** How long until every method rejected, ms. */
async function allRejected(): Promise<number> {
  const beganMs = performance.now();
  const { meta } = initState('life', START, 0);
  const calls = [
    store.read([KEY]),
    store.raise(RAISE),
    store.lease(KEY, 'token', 1_000),
    store.release(KEY, 'token'),
    store.fill(fillOf(meta)),
    store.apply({ invalidations: RAISE, expect: null, mark: 'm' }),
    store.initialise('life', START),
    store.raiseEpoch(START),
    store.claim('applier', 'me', 1_000),
    store.resign('applier', 'me'),
    store.keys()[Symbol.asyncIterator]().next(),
  ];
  for (const result of await Promise.allSettled(calls)) {
    expect(result).toMatchObject({ status: 'rejected', reason: { code: 'E_STORE_UNAVAILABLE' } });
  }
  return performance.now() - beganMs;
}

describe('a Redis that is away', () => {
  it('stopped: rejects at once, and comes back by itself as an empty store', async () => {
    await store.initialise('life', START);
    await redis.server.stop();
    expect(await allRejected()).toBeLessThan(AT_ONCE_MS);
    await redis.server.start();
    await vi.waitFor(
      async () => expect(await store.read([KEY])).toMatchObject({ meta: null, records: [null] }),
      SOON,
    );
    expect(await store.initialise('next', START)).toMatchObject({ incarnation: 'next', revision: 0 });
  });

  it('killed while commands are under way: they reject, none is sent again later', async () => {
    const meta = await store.initialise('life', START);
    const underway = Array.from({ length: 20 }, () => store.fill(fillOf(meta)));
    redis.server.pause();
    underway.push(store.fill(fillOf(meta)));
    const settled = Promise.allSettled(underway);
    await redis.server.kill();
    const results = await settled;
    expect(results.at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'E_STORE_UNAVAILABLE' } });
    await redis.server.start();
    await vi.waitFor(async () => expect(await store.read([KEY])).toMatchObject({ meta: null }), SOON);
    const listed: string[] = [];
    for await (const page of store.keys()) listed.push(...page);
    expect(listed).toEqual([]);
  });

  it('hung: rejects within the command timeout, and comes back by itself', async () => {
    await store.initialise('life', START);
    redis.server.pause();
    try {
      expect(await allRejected()).toBeLessThan(3 * COMMAND_TIMEOUT_MS);
      // The socket is given up at last: then nobody waits for the timeout any more.
      await vi.waitFor(async () => expect(await allRejected()).toBeLessThan(AT_ONCE_MS), SOON);
    } finally {
      redis.server.resume();
    }
    await vi.waitFor(
      async () => expect(await store.read([KEY])).toMatchObject({ meta: { incarnation: 'life' } }),
      SOON,
    );
  });

  it('hung: close waits no longer than the command timeout', async () => {
    redis.server.pause();
    try {
      const beganMs = performance.now();
      await store.close();
      expect(performance.now() - beganMs).toBeLessThan(3 * COMMAND_TIMEOUT_MS);
    } finally {
      redis.server.resume();
    }
  });

  it('away: close resolves, whatever the connection is just doing', async () => {
    const stores = await Promise.all(Array.from({ length: 16 }, () => redis.open()));
    await redis.server.stop();
    const closing = stores.map(async (one, i) => {
      await setTimeout(i * 12);
      const beganMs = performance.now();
      await one.close();
      await expect(one.read([KEY])).rejects.toBeInstanceOf(StoreUnavailableError);
      return performance.now() - beganMs;
    });
    await setTimeout(100);
    await redis.server.start();
    for (const tookMs of await Promise.all(closing)) expect(tookMs).toBeLessThan(1_000);
  });

  it('answers in time, but this process is busy meanwhile: the answers count', async () => {
    await store.initialise('life', START);
    const reads = Array.from({ length: 50 }, () => store.read([KEY]));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3 * COMMAND_TIMEOUT_MS);
    for (const answer of await Promise.all(reads)) expect(answer.meta).toMatchObject({ incarnation: 'life' });
  });

  it('takes a connection and says nothing: it is given up, and another one tried', async () => {
    const { host, port } = redis.server;
    const sockets: Socket[] = [];
    const path = createServer((client) => {
      sockets.push(client.on('error', () => {}));
      // Only the first one gets no answer.
      if (sockets.length > 1) client.pipe(connect(port, host).on('error', () => {})).pipe(client);
    });
    await new Promise<void>((resolve) => path.listen(0, '127.0.0.1', resolve));
    try {
      const url = `redis://127.0.0.1:${(path.address() as AddressInfo).port}`;
      const patient = await redis.open({ url, redis: { connectTimeout: 200 } });
      await vi.waitFor(async () => expect(await patient.read([])).toMatchObject({ records: [] }), SOON);
      expect(sockets.length).toBe(2);
      await patient.close();
    } finally {
      for (const socket of sockets) socket.destroy();
      path.close();
    }
  });

  it('away at the start: the store opens, and works once it is there', async () => {
    await redis.server.stop();
    const late = await redis.open();
    await expect(late.read([])).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(late.read([])).rejects.toThrow(/127\.0\.0\.1:\d+.*check that it is up/);
    await redis.server.start();
    await vi.waitFor(async () => expect(await late.read([])).toMatchObject({ meta: null }), SOON);
  });
});

describe('a Redis that lost something', () => {
  it('everything (FLUSHALL): records count as absent, fills under way are refused', async () => {
    const meta = await store.initialise('life', START);
    await store.fill(fillOf(meta));
    const late = fillOf(meta);
    await redis.client.flushall();
    expect(await store.read([KEY])).toMatchObject({ meta: null, records: [null] });
    expect(await store.fill(late)).toBe('uninitialised');
    await store.initialise('next', START);
    expect(await store.fill(late)).toBe('incarnation');
  });

  it('its scripts (SCRIPT FLUSH): they are loaded again', async () => {
    const meta = await store.initialise('life', START);
    await redis.client.script('FLUSH');
    await store.raise(RAISE);
    await redis.client.script('FLUSH');
    expect(await store.fill(fillOf(meta))).toBe('below-tidemark');
    await redis.client.script('FLUSH');
    expect(await store.lease(KEY, 'token', 1_000)).toEqual({ granted: true });
  });

  it('its meta alone: values of the old life stay hidden, their tidemarks stay true', async () => {
    const namespace = redis.namespace();
    const lossy = await redis.open({ namespace });
    const meta = await lossy.initialise('life', START);
    await lossy.fill(fillOf(meta, { version: version(5) }));
    await redis.client.del(`${namespace}:meta`);
    expect((await lossy.read([KEY])).records).toEqual([null]);
    const next = await lossy.initialise('next', { era: 1, xid: 200 });
    expect((await lossy.read([KEY])).records).toEqual([{ tidemark: version(5), value: null }]);
    expect(await lossy.fill(fillOf(next, { version: version(4) }))).toBe('below-tidemark');
    expect(await lossy.fill(fillOf(next, { version: version(5) }))).toBe('admitted');
    expect((await lossy.read([KEY])).records[0]?.value).not.toBeNull();
  });

  it('its history alone: all that was read before the next barrier is refused', async () => {
    const namespace = redis.namespace();
    const lossy = await redis.open({ namespace });
    await lossy.initialise('life', START);
    const advance = (xid: number) =>
      lossy.apply({
        invalidations: [],
        expect: null,
        mark: 'm',
        advance: { from: START, to: { era: 1, xid } },
      });
    expect(await advance(150)).toMatchObject({ meta: { base: START } });
    await redis.client.del(`${namespace}:history`);
    expect(await advance(160)).toMatchObject({ outcome: 'advanced', meta: { base: { era: 1, xid: 160 } } });
  });
});

it.each([
  ['in records', 1_000_000],
  ['in bodies', 1_000],
])(
  'a Redis that is short of memory takes values %s, and never evicts the meta',
  async (_, inlineBytesMax) => {
    const small = await RedisHarness.start(['--maxmemory', '4mb']);
    try {
      const full = await small.open({ namespace: 'full', inlineBytesMax });
      const meta = await full.initialise('life', START);
      const data = Buffer.alloc(20_000, 1);
      let evictedFirst = 0;
      for (let n = 0; n < 400; n += 1) {
        // Half of them end sooner than all else: what does is evicted first, but hardly before it was filled.
        const freshMs = n % 2 === 0 ? 1_000 : 300_000;
        try {
          expect(await full.fill(fillOf(meta, { key: `city:${n}`, data, freshMs }))).toBe('admitted');
        } catch (error) {
          expect(String(error)).toContain('evicted before it could be filled');
          evictedFirst += 1;
        }
      }
      expect(evictedFirst).toBeLessThan(20);
      expect(Number(/evicted_keys:(\d+)/.exec(await small.client.info('stats'))?.[1])).toBeGreaterThan(0);
      expect((await full.read([])).meta).toMatchObject({ incarnation: 'life' });
      await full.raise(RAISE);
      expect((await full.read([KEY])).records[0]?.tidemark).toEqual(version(2));
    } finally {
      await small.close();
    }
  },
);

it('many who watch leases at once wait for one connection with one listener', async () => {
  const warnings: string[] = [];
  const warned = ({ message }: Error): void => void warnings.push(message);
  process.on('warning', warned);
  try {
    const keys = Array.from({ length: 50 }, (_, id) => `city:${id}`);
    const watches = await Promise.all(keys.map((key) => store.watchLease!(key, () => {})));
    for (const unwatch of watches) unwatch();
    expect(warnings).toEqual([]);
  } finally {
    process.off('warning', warned);
  }
});
