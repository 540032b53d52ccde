import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type EngineEvent, noTelemetry } from '@tidemark/core';
import { connect, type JetStreamManager, type NatsConnection } from 'nats';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { BoundedWatch } from './bounded-watch.ts';
import { items, type OpenNode, Regions } from './regions-harness.ts';

const WAIT = { timeout: 20_000, interval: 15 };
const STREAM = 'TM_test_us';
const LOG = 'tidemark.test.us.log';

let regions: Regions;
/** Somebody with the credentials of region us. */
let insider: NatsConnection;
let manager: JetStreamManager;
/** Relays, so that eu depends on the stream of us. */
let us: OpenNode;
let eu: OpenNode;
let watch: BoundedWatch;
const heard: EngineEvent[] = [];

beforeAll(async () => {
  regions = await Regions.start(['us', 'eu']);
});
beforeEach(async () => {
  await regions.sql(1, '0');
  insider = await connect({ servers: regions.servers.get('us')!.nats.url, maxReconnectAttempts: -1 });
  manager = await insider.jetstreamManager();
  us = await regions.node('us');
  eu = await regions.node('eu', {
    roles: { relay: false },
    telemetry: { ...noTelemetry, record: (event) => void heard.push(event) },
  });
  watch = new BoundedWatch([us.node, eu.node], (value) => regions.sql(1, value));
  // The first proof comes from the changelog; what follows is about the stream.
  await vi.waitFor(async () => {
    await converges();
    expect(heard.some(({ type }) => type === 'apply')).toBe(true);
  }, WAIT);
  await converges();
  heard.length = 0;
});
afterEach(async () => {
  const reads = await watch.stop();
  expect(watch.violations).toEqual([]);
  expect(reads).toBeGreaterThan(10);
  await insider.close();
  await regions.closeNodes();
});
afterAll(async () => {
  await regions.close();
});

/** A new value reaches both regions' L1, through the streams: freshness is proven again. */
async function converges(): Promise<void> {
  const value = await watch.write();
  await Promise.all(
    [us, eu].map(({ node }) =>
      vi.waitFor(async () => {
        const result = await node.read(items, { id: 1 });
        expect(result).toMatchObject({ value: { value }, tier: 'l1' });
        expect(result.stalenessBoundMs).toBeLessThan(2_000);
      }, WAIT),
    ),
  );
}

/** The region noticed, and went back to the changelog. */
async function healed(reason: RegExp): Promise<void> {
  await vi.waitFor(() => {
    const at = heard.findIndex((event) => event.type === 'gap' && reason.test(event.reason));
    expect(at, JSON.stringify(heard.filter(({ type }) => type === 'gap'))).toBeGreaterThanOrEqual(0);
    expect(heard.slice(at).some((event) => event.type === 'resync' && event.ok)).toBe(true);
  }, WAIT);
  await converges();
}

/** Writes while eu hears nothing from us, and by that the stream holds what eu has not read. */
async function writeUnheard(count: number): Promise<void> {
  regions.cut('eu');
  const before = (await manager.streams.info(STREAM)).state.last_seq;
  for (let i = 0; i < count; i += 1) {
    await watch.write();
    await vi.waitFor(async () => {
      expect((await manager.streams.info(STREAM)).state.last_seq).toBeGreaterThan(before + i);
    }, WAIT);
  }
}

describe('a stream that loses what was not read yet', () => {
  it('deleted: it is made anew, and the gap is seen', async () => {
    await manager.streams.delete(STREAM);
    await watch.write();
    await healed(/created anew/);
  });

  it('deleted and created again at once, by hand', async () => {
    const { config } = await manager.streams.info(STREAM);
    await manager.streams.delete(STREAM);
    await manager.streams.add({ ...config, description: 'by hand' });
    await healed(/created anew/);
  });

  it('purged', async () => {
    await writeUnheard(3);
    await manager.streams.purge(STREAM);
    regions.heal('eu');
    await healed(/silent|overrun/);
  });

  it('overrun: its retention is shorter than the cut', async () => {
    const { config } = await manager.streams.info(STREAM);
    await manager.streams.update(STREAM, { ...config, max_msgs: 2 });
    await writeUnheard(6);
    regions.heal('eu');
    await healed(/silent|overrun/);
    await manager.streams.update(STREAM, config);
  });

  it('gone back to an older copy of itself: readers stand ahead of its end', async () => {
    const { nats } = regions.servers.get('us')!;
    const [data, copy] = [join(nats.dir, 'data'), join(nats.dir, 'copy')];
    await nats.stop();
    await cp(data, copy, { recursive: true });
    await nats.start();
    await converges();
    await nats.stop();
    await rm(data, { recursive: true });
    await cp(copy, data, { recursive: true });
    await rm(copy, { recursive: true });
    await nats.start();
    // Or its numbers were used anew before anybody looked: then the relay's own numbers tell. Or the relay's
    // silence while the server was away had opened the gap already.
    await healed(/went back|hole|silent/);
  });

  it('wiped with its server', async () => {
    const { nats } = regions.servers.get('us')!;
    await nats.kill();
    await nats.wipe();
    await nats.start();
    await healed(/created anew/);
  });
});

describe('a stream that says too much', () => {
  it('every message once more, long after: nothing is a gap, and nothing changes', async () => {
    const before = (await manager.streams.info(STREAM)).state.last_seq;
    await converges();
    const { last_seq } = (await manager.streams.info(STREAM)).state;
    for (let seq = before + 1; seq <= last_seq; seq += 1) {
      const stored = await manager.streams.getMessage(STREAM, { seq });
      await insider.jetstream().publish(LOG, stored.data);
    }
    await converges();
    expect(heard.filter(({ type }) => type === 'gap' || type === 'bad-message')).toEqual([]);
  });

  it.each([
    ['bytes that are not text', new Uint8Array([0xff, 0xfe, 0x00, 0xc3])],
    ['nothing', new Uint8Array()],
    ['half a message', text('{"f":1,"k":"changes","l":"x","s":1,"ev":[[1,["item:1"')],
    ['no format', text('{"k":"bump","ev":[]}')],
    ['half a number', text('{"f":99,"l":"x"}')],
    ['a kind that no stream has', text('{"f":1,"k":"feed","l":"x","s":1,"ev":[]}')],
    [
      'a prototype',
      text('{"f":1,"k":"bump","ev":[[1,["__proto__",{"constructor":1}]]],"__proto__":{"f":1}}'),
    ],
    ['deep nesting', text('['.repeat(400_000))],
    ['a huge list', text(`{"f":1,"k":"bump","ev":[[1,[${'"item:1",1,'.repeat(80_000)}"item:1",1]]]}`)],
    ['a version beyond all numbers', text('{"f":1,"k":"bump","ev":[[1,["item:1",1e308]]]}')],
  ])('%s: it is counted and the next barrier is a gap', async (_, bytes) => {
    await insider.jetstream().publish(LOG, bytes);
    await vi.waitFor(() => expect(heard.some(({ type }) => type === 'bad-message')).toBe(true), WAIT);
    await healed(/hole/);
  });
});

it('what only a later release understands, and has no number, is counted and is no gap', async () => {
  await insider.jetstream().publish(LOG, text('{"f":99,"k":"bump","ev":"new"}'));
  await vi.waitFor(() => expect(heard.some(({ type }) => type === 'later-message')).toBe(true), WAIT);
  await converges();
  expect(heard.filter(({ type }) => type === 'gap' || type === 'bad-message')).toEqual([]);
});

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}
