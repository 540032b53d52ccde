import type { Bus, StreamHandler } from '@tidemark/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

/** Two regions, `a` and `b`, that can be cut off from each other. */
export interface BusHarness {
  /** Another connection of a process in the region. */
  bus(region: 'a' | 'b'): Promise<Bus>;
  cut(): void;
  heal(): void;
  close(): Promise<void>;
}

const WAIT = { timeout: 15_000, interval: 10 };

/** Every promise of the bus port. `open` gives each test a new mesh. */
export function busSuite(name: string, open: () => Promise<BusHarness>): void {
  describe(`bus: ${name}`, () => {
    let harness: BusHarness;
    let a: Bus;
    let b: Bus;

    beforeEach(async () => {
      harness = await open();
      [a, b] = await Promise.all([harness.bus('a'), harness.bus('b')]);
      // The first message of a stream makes it: followers from now on have something to follow.
      await Promise.all([a.append({ data: 'first of a' }), b.append({ data: 'first of b' })]);
    });
    afterEach(async () => {
      await Promise.all([a.close(), b.close()]);
      await harness.close();
    });

    interface Followed {
      readonly seen: string[];
      readonly doubts: string[];
      stop(): Promise<void>;
    }

    async function follow(
      bus: Bus,
      region: string,
      onMessage?: StreamHandler['onMessage'],
    ): Promise<Followed> {
      const seen: string[] = [];
      const doubts: string[] = [];
      const subscription = await bus.follow(region, {
        onMessage: async (message) => {
          await onMessage?.(message);
          seen.push(message.data);
        },
        onDiscontinuity: (reason) => void doubts.push(reason),
      });
      return { seen, doubts, stop: () => subscription.stop() };
    }

    it('knows its region and all regions', () => {
      expect(a.region).toBe('a');
      expect([...b.regions].sort()).toEqual(['a', 'b']);
    });

    it('carries a stream to every follower, from now on, in order, with headers', async () => {
      const headers: unknown[] = [];
      const own = await follow(a, 'a');
      const peer = await follow(b, 'a', (message) => void headers.push(message.headers?.['traceparent']));
      const sent = Array.from({ length: 200 }, (_, i) => `message ${i} ü`);
      for (const data of sent) await a.append({ data, headers: { traceparent: data.length.toString() } });
      await vi.waitFor(() => expect(peer.seen).toEqual(sent), WAIT);
      await vi.waitFor(() => expect(own.seen).toEqual(sent), WAIT);
      expect(headers).toEqual(sent.map((data) => data.length.toString()));
      expect([...own.doubts, ...peer.doubts]).toEqual([]);
    });

    it('hands over one message at a time', async () => {
      let running = 0;
      let most = 0;
      const slow = await follow(b, 'a', async () => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
      });
      await Promise.all(Array.from({ length: 50 }, (_, i) => a.append({ data: `${i}` })));
      await vi.waitFor(() => expect(slow.seen).toHaveLength(50), WAIT);
      expect(most).toBe(1);
    });

    it('a handler that fails is a discontinuity, and the stream goes on', async () => {
      const follower = await follow(b, 'a', ({ data }) => {
        if (data === 'poison') throw new Error('poison');
      });
      for (const data of ['one', 'poison', 'two']) await a.append({ data });
      await vi.waitFor(() => expect(follower.seen).toEqual(['one', 'two']), WAIT);
      expect(follower.doubts).toHaveLength(1);
      expect(follower.doubts[0]).toMatch(/poison/);
    });

    it('delivers after a heal, in order, what was appended during a cut', async () => {
      const peer = await follow(b, 'a');
      await a.append({ data: 'before' });
      await vi.waitFor(() => expect(peer.seen).toEqual(['before']), WAIT);
      harness.cut();
      for (let i = 0; i < 20; i += 1) await a.append({ data: `cut ${i}` });
      harness.heal();
      await a.append({ data: 'after' });
      const expected = ['before', ...Array.from({ length: 20 }, (_, i) => `cut ${i}`), 'after'];
      await vi.waitFor(() => expect(peer.seen).toEqual(expected), WAIT);
      expect(peer.doubts).toEqual([]);
    });

    it('keeps each region going on its own during a cut', async () => {
      const [ownA, ownB] = [await follow(a, 'a'), await follow(b, 'b')];
      harness.cut();
      await Promise.all([a.append({ data: 'in a' }), b.append({ data: 'in b' })]);
      await vi.waitFor(() => expect([ownA.seen, ownB.seen]).toEqual([['in a'], ['in b']]), WAIT);
      harness.heal();
    });

    it('stops a follower for good', async () => {
      const follower = await follow(b, 'a');
      const witness = await follow(b, 'a');
      await follower.stop();
      await a.append({ data: 'unheard' });
      await vi.waitFor(() => expect(witness.seen).toEqual(['unheard']), WAIT);
      expect(follower.seen).toEqual([]);
    });

    it('sends signals to all who listen, in their region and in peers, on that channel only', async () => {
      const heard: string[] = [];
      const second = await harness.bus('a');
      await second.listen('a', 'feed', ({ data }) => void heard.push(`second ${data}`));
      await b.listen('a', 'ping', ({ data }) => void heard.push(`b ping ${data}`));
      const poke = await b.listen('a', 'poke', ({ data }) => void heard.push(`b poke ${data}`));
      await poke.stop();
      a.send('poke', { data: '0' });
      a.send('feed', { data: '1' });
      a.send('ping', { data: '2' });
      await vi.waitFor(() => expect([...heard].sort()).toEqual(['b ping 2', 'second 1']), WAIT);
      await second.close();
    });

    it('closes more than once, and refuses afterwards', async () => {
      await a.close();
      await a.close();
      a.send('poke', { data: '' });
      await expect(a.append({ data: 'late' })).rejects.toMatchObject({ code: 'E_BUS_UNAVAILABLE' });
    });
  });
}
