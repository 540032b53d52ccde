import { connect, createServer, type Socket } from 'node:net';

/** Bytes under way in one direction of a connection before its sender has to wait. */
const IN_FLIGHT_MAX = 4 * 2 ** 20;

/** A network path to a server that can be slow or cut. */
export interface Proxy extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Bytes carried so far, both ways. */
  readonly bytes: number;
  /** `reset` refuses and closes connections; `blackhole` keeps them open and swallows everything. */
  cut(mode?: 'reset' | 'blackhole'): void;
  /** Connections that lived through a blackhole lost bytes: they are closed now. */
  heal(): void;
  setDelay(ms: number): void;
  close(): Promise<void>;
}

export interface ProxyOptions {
  readonly target: { readonly host: string; readonly port: number };
  /** One way, ms. */
  readonly delayMs?: number;
}

type State = 'open' | 'reset' | 'blackhole';

/** Starts a user-space TCP proxy with a delay line in each direction. */
export async function startProxy(options: ProxyOptions): Promise<Proxy> {
  let state: State = 'open';
  let delayMs = options.delayMs ?? 0;
  let bytes = 0;
  const sockets = new Set<Socket>();

  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  };

  /** Chunks leave in order, each `delayMs` after it came. */
  const carry = (from: Socket, to: Socket): void => {
    let inFlight = 0;
    let lastDueMs = 0;
    const later = (task: () => void): void => {
      const nowMs = performance.now();
      lastDueMs = Math.max(lastDueMs, nowMs + delayMs);
      if (delayMs === 0 && lastDueMs <= nowMs) task();
      else setTimeout(task, lastDueMs - nowMs);
    };
    from.on('data', (chunk: Buffer) => {
      if (state !== 'open') return;
      inFlight += chunk.length;
      if (inFlight > IN_FLIGHT_MAX) from.pause();
      later(() => {
        inFlight -= chunk.length;
        if (inFlight <= IN_FLIGHT_MAX) from.resume();
        if (state !== 'open' || to.destroyed) return;
        bytes += chunk.length;
        if (!to.write(chunk)) {
          from.pause();
          to.once('drain', () => from.resume());
        }
      });
    });
    from.once('end', () => later(() => state === 'open' && to.end()));
    from.once('close', () => later(() => state !== 'blackhole' && to.destroy()));
  };

  const server = createServer((client) => {
    track(client);
    if (state === 'reset') {
      client.resetAndDestroy();
      return;
    }
    if (state === 'blackhole') return;
    const upstream = connect(options.target);
    track(upstream);
    carry(client, upstream);
    carry(upstream, client);
  });
  const closeAll = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('the proxy has no port');
  const close = async (): Promise<void> => {
    closeAll();
    await new Promise((resolve) => server.close(resolve));
  };
  return {
    host: '127.0.0.1',
    port: address.port,
    get bytes() {
      return bytes;
    },
    cut(mode = 'reset') {
      state = mode;
      if (mode === 'reset') closeAll();
    },
    heal() {
      if (state === 'blackhole') closeAll();
      state = 'open';
    },
    setDelay(ms) {
      delayMs = ms;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
