import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Proxy, startProxy } from '../src/index.ts';

let server: Server;
let target: { host: string; port: number };
let accepted: Socket[];
let proxy: Proxy;
const clients: Socket[] = [];

/** Sends everything back. */
function echo(socket: Socket): void {
  socket.pipe(socket);
}

async function listen(handle: (socket: Socket) => void): Promise<void> {
  accepted = [];
  server = createServer({ allowHalfOpen: true }, (socket) => {
    accepted.push(socket);
    socket.on('error', () => {});
    handle(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('no address');
  target = { host: '127.0.0.1', port: address.port };
}

async function dial(): Promise<Socket> {
  const socket = connect({ host: proxy.host, port: proxy.port, noDelay: true });
  clients.push(socket);
  await once(socket, 'connect');
  return socket;
}

async function ask(socket: Socket, text: string): Promise<{ answer: string; ms: number }> {
  const startMs = performance.now();
  socket.write(text);
  const [data] = (await once(socket, 'data')) as [Buffer];
  return { answer: data.toString(), ms: performance.now() - startMs };
}

/** The first of `close` and an error, as a word. */
function end(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once('close', () => resolve('closed'));
  });
}

beforeEach(() => listen(echo));

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await proxy.close();
  for (const socket of accepted) socket.destroy();
  server.close();
});

describe('an open path', () => {
  it('carries bytes both ways and counts them', async () => {
    proxy = await startProxy({ target });
    expect(await ask(await dial(), 'hello')).toMatchObject({ answer: 'hello' });
    expect(proxy.bytes).toBe(10);
  });

  it('delays each direction, also after a change', async () => {
    proxy = await startProxy({ target, delayMs: 40 });
    const client = await dial();
    expect((await ask(client, 'a')).ms).toBeGreaterThanOrEqual(80);
    proxy.setDelay(10);
    const { ms } = await ask(client, 'b');
    expect(ms).toBeGreaterThanOrEqual(20);
    proxy.setDelay(0);
    expect(await ask(client, 'c')).toMatchObject({ answer: 'c' });
    expect(() => proxy.setDelay(-1)).toThrow(/delay of -1 ms/);
  });

  it('keeps many bytes whole and in order while the delay changes', async () => {
    proxy = await startProxy({ target, delayMs: 5 });
    const client = await dial();
    const sent = Buffer.from(Uint32Array.from({ length: 3 * 2 ** 20 }, (_, i) => i).buffer);
    const received: Buffer[] = [];
    let length = 0;
    client.on('data', (data: Buffer) => {
      received.push(data);
      length += data.length;
      proxy.setDelay(length % 7);
    });
    client.end(sent);
    await once(client, 'end');
    expect(Buffer.concat(received).equals(sent)).toBe(true);
  });

  it('lets one side end its stream and still be answered', async () => {
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      accepted.push(socket);
      socket.resume();
      socket.once('end', () => socket.end('all heard'));
    });
    proxy = await startProxy({ target, delayMs: 5 });
    const client = connect({ host: proxy.host, port: proxy.port, allowHalfOpen: true });
    clients.push(client);
    client.end('question');
    const [data] = (await once(client, 'data')) as [Buffer];
    expect(data.toString()).toBe('all heard');
    await once(client, 'end');
  });

  it('holds a bounded amount for a receiver that does not read', async () => {
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => accepted.push(socket.pause()));
    proxy = await startProxy({ target, delayMs: 1 });
    const client = await dial();
    const chunk = Buffer.alloc(2 ** 20);
    let written = 0;
    const pump = (): void => {
      while (written < 256 && client.write(chunk)) written += 1;
      if (written < 256) client.once('drain', pump);
    };
    pump();
    let before = -1;
    await vi.waitFor(
      () => {
        const now = client.bytesWritten;
        const stalled = now === before;
        before = now;
        expect(stalled).toBe(true);
      },
      { interval: 200, timeout: 10_000 },
    );
    // The proxy's bound, and what the kernel buffers on both sides of it.
    expect(client.bytesWritten - client.writableLength).toBeLessThan(64 * 2 ** 20);
  });

  it('hands an abrupt end on, in both directions', async () => {
    proxy = await startProxy({ target });
    const client = await dial();
    await ask(client, 'x');
    const ended = end(client);
    accepted[0]!.resetAndDestroy();
    expect(await ended).toBe('ECONNRESET');
    const second = await dial();
    await ask(second, 'x');
    const serverSide = end(accepted[1]!);
    second.resetAndDestroy();
    expect(await serverSide).toBe('ECONNRESET');
  });

  it('resets the caller when the target refuses', async () => {
    proxy = await startProxy({ target });
    server.close();
    const client = connect({ host: proxy.host, port: proxy.port });
    clients.push(client);
    expect(await end(client)).toBe('ECONNRESET');
  });
});

describe('a cut', () => {
  it('resets connections and refuses new ones until it heals', async () => {
    proxy = await startProxy({ target });
    const client = await dial();
    await ask(client, 'x');
    const ended = end(client);
    proxy.cut();
    expect(await ended).toBe('ECONNRESET');
    const refused = connect({ host: proxy.host, port: proxy.port });
    clients.push(refused);
    expect(await end(refused)).toBe('ECONNRESET');
    proxy.heal();
    expect(await ask(await dial(), 'again')).toMatchObject({ answer: 'again' });
  });

  it('as a blackhole stays silent, loses what is under way, and resets its survivors when it heals', async () => {
    proxy = await startProxy({ target, delayMs: 20 });
    const client = await dial();
    await ask(client, 'x');
    const carried = proxy.bytes;
    const ended = end(client);
    let heard = 0;
    client.on('data', () => (heard += 1));
    client.write('under way');
    proxy.cut('blackhole');
    client.write('lost');
    const fresh = await dial(); // Connects, as to a host that never answers.
    const freshEnded = end(fresh);
    fresh.write('anybody?');
    let serverEnded = false;
    accepted[0]!.once('close', () => (serverEnded = true));
    // Ten times the delay.
    await expect(Promise.race([ended, freshEnded, once(accepted[0]!, 'data', silent())])).rejects.toThrow();
    expect([heard, proxy.bytes, serverEnded]).toEqual([0, carried, false]);
    proxy.heal();
    expect(await ended).toBe('ECONNRESET');
    expect(await freshEnded).toBe('ECONNRESET');
    expect(await ask(await dial(), 'again')).toMatchObject({ answer: 'again' });
  });

  it('hides that a side has gone', async () => {
    proxy = await startProxy({ target });
    const client = await dial();
    await ask(client, 'x');
    proxy.cut('blackhole');
    client.destroy();
    await expect(once(accepted[0]!, 'end', silent())).rejects.toThrow();
    expect(accepted[0]!.destroyed).toBe(false);
  });
});

it('leaves no connection and no listener when closed', async () => {
  proxy = await startProxy({ target, delayMs: 1_000 });
  const client = await dial();
  client.write('under way');
  const ended = end(client);
  await proxy.close();
  expect(await ended).toBe('ECONNRESET');
  const refused = connect({ host: proxy.host, port: proxy.port });
  clients.push(refused);
  expect(await end(refused)).toBe('ECONNREFUSED');
});

/** Nothing must happen for this long. */
function silent(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(200) };
}
