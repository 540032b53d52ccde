import { type Proxy, type Server, startNats, startProxy } from '@tidemark/testbed';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type NatsBus, natsBus, NatsObserver } from '../src/index.ts';

const MESSAGES = 2_500;
const PAGE = 500;
const ANSWER_MS = 1_000;
let server: Server;
let path: Proxy;
let bus: NatsBus;
let observer: NatsObserver;

beforeAll(async () => {
  server = await startNats({ name: 'a' });
  path = await startProxy({ target: server });
  bus = await natsBus({ source: 'test', region: 'a', servers: { a: { servers: server.url } } });
  await vi.waitFor(() => bus.append({ data: '0' }), { timeout: 10_000 });
  for (let sent = 1; sent < MESSAGES; sent += PAGE) {
    const page = Array.from({ length: Math.min(PAGE, MESSAGES - sent) }, (_, i) =>
      bus.append({ data: `${sent + i}` }),
    );
    await Promise.all(page);
  }
  observer = new NatsObserver({
    source: 'test',
    servers: { a: { servers: `nats://127.0.0.1:${path.port}` } },
  });
});
afterAll(async () => {
  await observer.close();
  await bus.close();
  await path.close();
  await server.close();
});

it('reads the whole log, page by page', async () => {
  const seen: number[] = [];
  for await (const { seq } of observer.log('a', { limit: 10_000 }, ANSWER_MS)) seen.push(seq);
  expect(seen).toEqual(Array.from({ length: MESSAGES }, (_, i) => i + 1));
});

it('ends at once where there is nothing to read', async () => {
  const beganMs = performance.now();
  const since = { sinceMs: Date.now() + 60_000, limit: 10 };
  for await (const { seq } of observer.log('a', since, 60_000)) expect(seq).toBe(null);
  expect(performance.now() - beganMs).toBeLessThan(30_000);
});

it('that is cut off half-way says so, and does not pass for whole', async () => {
  let read = 0;
  const reading = (async () => {
    for await (const _entry of observer.log('a', { limit: 10_000 }, ANSWER_MS)) {
      read += 1;
      if (read === 1) path.cut('blackhole');
    }
  })();
  try {
    await expect(reading).rejects.toMatchObject({ code: 'E_BUS_UNAVAILABLE' });
    expect(read).toBeLessThan(MESSAGES);
  } finally {
    path.heal();
  }
});
