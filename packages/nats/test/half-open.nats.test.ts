import { startNats } from '@tidemark/testbed';
import { connect } from 'nats';
import { afterEach, expect, it, vi } from 'vitest';
import { Link } from '../src/link.ts';
import { type FickleServer, startFickle } from './fickle-server.ts';

const WAIT = { timeout: 20_000, interval: 5 };
const RETRIES = 4;
const INFO = { server_id: 'x', version: '2.10.0', headers: true, max_payload: 2 ** 20 };
const QUICK = { timeout: 100, reconnectTimeWait: 10, reconnectJitter: 0 };
let server: FickleServer | undefined;

afterEach(() => server?.close());

const SILENCES = [
  ['never answers', '', {}],
  ['greets, then is silent', `INFO ${JSON.stringify(INFO)}\r\n`, {}],
  ['is silent when TLS should begin', `INFO ${JSON.stringify({ ...INFO, tls_required: true })}\r\n`, {}],
  ['is silent and should begin with TLS', '', { tls: { handshakeFirst: true } }],
] as const;

it.each(SILENCES)(
  'a server that %s costs one socket at a time, and none once closed',
  async (_, greeting, tls) => {
    server = await startFickle({ greeting });
    const link = new Link({ servers: server.url, connection: { ...QUICK, ...tls } }, 'test');
    await vi.waitFor(() => expect(server!.accepted).toBeGreaterThan(RETRIES), WAIT);
    await vi.waitFor(() => expect(server!.open.size).toBeLessThan(2), WAIT);
    await vi.waitFor(() => expect(server!.open.size).toBe(1), WAIT); // The next attempt is under way.
    const { accepted } = server;
    await link.close();
    await vi.waitFor(() => expect(server!.open.size).toBe(0), WAIT);
    expect(server.accepted).toBeLessThanOrEqual(accepted + 1);
  },
);

it.each(SILENCES)(
  'a server that %s: an attempt is ended by close, not by its timeout',
  async (_, greeting, tls) => {
    server = await startFickle({ greeting });
    const link = new Link(
      { servers: server.url, connection: { ...QUICK, timeout: 600_000, ...tls } },
      'test',
    );
    await vi.waitFor(() => expect(server!.open.size).toBe(1), WAIT);
    await link.close();
    await vi.waitFor(() => expect(server!.open.size).toBe(0), WAIT);
  },
);

it.each(SILENCES.slice(0, 3))(
  'a server that was there and now %s leaves no socket either',
  async (_, greeting) => {
    await using nats = await startNats({ name: 'a' });
    server = await startFickle({ target: nats });
    const link = new Link({ servers: server.url, connection: QUICK }, 'test');
    await link.settled(20_000);
    expect(link.up).not.toBeNull();
    server.silence(greeting);
    const { accepted } = server;
    await vi.waitFor(() => expect(server!.accepted).toBeGreaterThan(accepted + RETRIES), WAIT);
    await vi.waitFor(() => expect(server!.open.size).toBe(1), WAIT);
    await link.close();
    await vi.waitFor(() => expect(server!.open.size).toBe(0), WAIT);
  },
);

it("leaves the process' other connections to NATS as they are", async () => {
  await using nats = await startNats({ name: 'a' });
  server = await startFickle({});
  const link = new Link({ servers: server.url, connection: QUICK }, 'test');
  const own = await connect({ servers: nats.url });
  await link.close();
  await own.flush();
  expect(own.isClosed()).toBe(false);
  await own.close();
});
