import { busSuite } from '@tidemark/conformance';
import type { Bus } from '@tidemark/core';
import { type Proxy, type Server, startNats, startProxy } from '@tidemark/testbed';
import { connect } from 'nats';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { natsBus, type NatsBusOptions } from '../src/index.ts';

const WAIT = { timeout: 20_000, interval: 15 };
let a: Server;
let b: Server;
let sources = 0;

beforeAll(async () => {
  [a, b] = await Promise.all([startNats({ name: 'a' }), startNats({ name: 'b' })]);
});
afterAll(async () => {
  await Promise.all([a.close(), b.close()]);
});

/** Paths from each region to the other, and a source of its own, so that tests don't meet. */
async function mesh(): Promise<{
  readonly source: string;
  readonly paths: readonly [Proxy, Proxy];
  options(region: 'a' | 'b'): NatsBusOptions;
}> {
  const source = `test${(sources += 1)}`;
  const [toA, toB] = await Promise.all([startProxy({ target: a }), startProxy({ target: b })]);
  return {
    source,
    paths: [toA, toB],
    options: (region) => ({
      source,
      region,
      maxBytes: 2 ** 24, // JetStream reserves it, and every test has streams of its own.
      servers: {
        a: { servers: region === 'a' ? a.url : `nats://127.0.0.1:${toA.port}` },
        b: { servers: region === 'b' ? b.url : `nats://127.0.0.1:${toB.port}` },
      },
    }),
  };
}

busSuite('nats', async () => {
  const { paths, options } = await mesh();
  return {
    bus: (region) => natsBus(options(region)),
    cut: () => paths.forEach((path) => path.cut('reset')),
    heal: () => paths.forEach((path) => path.heal()),
    close: async () => void (await Promise.all(paths.map((path) => path.close()))),
  };
});

describe('servers that misbehave', () => {
  let links: Awaited<ReturnType<typeof mesh>>;
  let busA: Bus;
  let busB: Bus;
  const seen: string[] = [];
  const doubts: string[] = [];

  beforeEach(async () => {
    links = await mesh();
    busA = await natsBus(links.options('a'));
    busB = await natsBus(links.options('b'));
    await busA.append({ data: 'first' });
    seen.length = doubts.length = 0;
    await busB.follow('a', {
      onMessage: ({ data }) => void seen.push(data),
      onDiscontinuity: (reason) => void doubts.push(reason),
    });
  });
  afterEach(async () => {
    await Promise.all([busA.close(), busB.close()]);
    await Promise.all(links.paths.map((path) => path.close()));
  });

  async function appended(data: string): Promise<void> {
    await vi.waitFor(() => busA.append({ data }), WAIT);
  }

  it('killed and restarted: nothing acknowledged is lost, and followers go on where they were', async () => {
    await appended('before');
    await a.kill();
    await expect(busA.append({ data: 'refused' })).rejects.toMatchObject({ code: 'E_BUS_UNAVAILABLE' });
    busA.send('poke', { data: '' });
    await a.start();
    await appended('after');
    await vi.waitFor(() => expect(seen).toEqual(['before', 'after']), WAIT);
    expect(doubts).toEqual([]);
  });

  it('wiped: the stream is made anew, and followers hear that they may have missed something', async () => {
    await appended('before');
    await vi.waitFor(() => expect(seen).toEqual(['before']), WAIT);
    await a.kill();
    await a.wipe();
    await a.start();
    await appended('after');
    await vi.waitFor(() => expect(seen.at(-1)).toBe('after'), WAIT);
    expect(doubts).toEqual([expect.stringMatching(/created anew/)]);
  });

  it('a stream deleted behind its back is made anew', async () => {
    const connection = await connect({ servers: a.url });
    const manager = await connection.jetstreamManager();
    await manager.streams.delete(`TM_${links.source}_a`);
    await appended('after');
    await vi.waitFor(() => expect(seen.at(-1)).toBe('after'), WAIT);
    expect(doubts).toEqual([expect.stringMatching(/created anew/)]);
    await connection.close();
  });

  it('a half-open cut, long enough to be noticed: everything arrives after the heal', async () => {
    links.paths[0].cut('blackhole');
    for (let i = 0; i < 30; i += 1) await busA.append({ data: `cut ${i}` });
    await new Promise((resolve) => setTimeout(resolve, 5_000)); // The client's pings must time out.
    links.paths[0].heal();
    await vi.waitFor(() => expect(seen).toEqual(Array.from({ length: 30 }, (_, i) => `cut ${i}`)), WAIT);
    expect(doubts).toEqual([]);
  });

  it('bytes that are not text arrive as they can be read, and stop nothing', async () => {
    const connection = await connect({ servers: a.url });
    await connection
      .jetstream()
      .publish(`tidemark.${links.source}.a.log`, new Uint8Array([0xff, 0xfe, 0x00]));
    await appended('after');
    await vi.waitFor(() => expect(seen).toEqual([expect.any(String), 'after']), WAIT);
    await connection.close();
  });
});

it('a peer that is away at the start is followed once it is there', async () => {
  const links = await mesh();
  links.paths.forEach((path) => path.cut('reset'));
  const busA = await natsBus(links.options('a'));
  const busB = await natsBus(links.options('b'));
  await busA.append({ data: 'unseen' });
  const seen: string[] = [];
  const doubts: string[] = [];
  await busB.follow('a', {
    onMessage: ({ data }) => void seen.push(data),
    onDiscontinuity: (reason) => void doubts.push(reason),
  });
  links.paths.forEach((path) => path.heal());
  await vi.waitFor(() => expect(doubts).toEqual([expect.stringMatching(/late/)]), WAIT);
  await busA.append({ data: 'seen' });
  await vi.waitFor(() => expect(seen).toEqual(['seen']), WAIT);
  await Promise.all([busA.close(), busB.close()]);
  await Promise.all(links.paths.map((path) => path.close()));
});

it('a retention that drops what was not read yet is reported', async () => {
  const links = await mesh();
  const busA = await natsBus({ ...links.options('a'), maxMessages: 10 });
  const busB = await natsBus(links.options('b'));
  await busA.append({ data: 'first' });
  const seen: string[] = [];
  const doubts: string[] = [];
  await busB.follow('a', {
    onMessage: ({ data }) => void seen.push(data),
    onDiscontinuity: (reason) => void doubts.push(reason),
  });
  links.paths[0].cut('reset');
  for (let i = 0; i < 50; i += 1) await busA.append({ data: `${i}` });
  links.paths[0].heal();
  await vi.waitFor(() => expect(seen.at(-1)).toBe('49'), WAIT);
  expect(doubts).toEqual([expect.stringMatching(/overrun/)]);
  await Promise.all([busA.close(), busB.close()]);
  await Promise.all(links.paths.map((path) => path.close()));
});

it('closes within bounds while its servers hang', async () => {
  const links = await mesh();
  const bus = await natsBus(links.options('a'));
  await bus.append({ data: 'first' });
  await bus.follow('b', { onMessage: () => {}, onDiscontinuity: () => {} });
  a.pause();
  b.pause();
  try {
    const beganMs = performance.now();
    await bus.close();
    expect(performance.now() - beganMs).toBeLessThan(10_000);
  } finally {
    a.resume();
    b.resume();
  }
  await Promise.all(links.paths.map((path) => path.close()));
});
