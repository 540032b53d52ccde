import { connect, createServer, type Socket } from 'node:net';
import { Pipe } from './proxy-pipe.ts';

/** A network path to a server that can be slow or cut. */
export interface Proxy extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Bytes carried so far, both ways. */
  readonly bytes: number;
  /**
   * `reset` (default) resets all connections and refuses new ones. `blackhole` keeps them open, accepts
   * new ones, and swallows everything, the end of a connection included.
   */
  cut(mode?: 'reset' | 'blackhole'): void;
  /** Connections that lived through a blackhole lost bytes: they are reset now. */
  heal(): void;
  /** One way, ms; for what is sent from now on. */
  setDelay(ms: number): void;
  close(): Promise<void>;
}

export interface ProxyOptions {
  readonly target: { readonly host: string; readonly port: number };
  /** One way, ms. Default 0. */
  readonly delayMs?: number;
}

/** Starts a user-space TCP proxy with a delay line in each direction. */
export async function startProxy(options: ProxyOptions): Promise<Proxy> {
  const proxy = new TcpProxy(options);
  await proxy.listen();
  return proxy;
}

class TcpProxy implements Proxy {
  readonly host = '127.0.0.1';
  readonly #target: ProxyOptions['target'];
  // Half-open: one side may end its stream and still be answered.
  readonly #server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
  readonly #sockets = new Set<Socket>();
  #state: 'open' | 'reset' | 'blackhole' = 'open';
  #delayMs: number;
  #port = 0;
  #bytes = 0;

  constructor({ target, delayMs = 0 }: ProxyOptions) {
    this.#target = target;
    this.#delayMs = checkedDelay(delayMs);
  }

  get port(): number {
    return this.#port;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get delayMs(): number {
    return this.#delayMs;
  }

  get swallows(): boolean {
    return this.#state === 'blackhole';
  }

  carried(bytes: number): void {
    this.#bytes += bytes;
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, this.host, () => {
        const address = this.#server.address();
        if (typeof address === 'object' && address) this.#port = address.port;
        resolve();
      });
    });
  }

  cut(mode: 'reset' | 'blackhole' = 'reset'): void {
    this.#state = mode;
    if (mode === 'reset') this.#resetAll();
  }

  heal(): void {
    if (this.#state === 'blackhole') this.#resetAll();
    this.#state = 'open';
  }

  setDelay(ms: number): void {
    this.#delayMs = checkedDelay(ms);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#resetAll();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #accept(client: Socket): void {
    this.#track(client);
    if (this.#state === 'reset') {
      client.resetAndDestroy();
      return;
    }
    if (this.#state === 'blackhole') {
      client.resume(); // Reads, so that the sender believes it is heard.
      return;
    }
    const upstream = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    this.#track(upstream);
    new Pipe(client, upstream, this);
    new Pipe(upstream, client, this);
    this.#closeTogether(client, upstream);
    this.#closeTogether(upstream, client);
  }

  /** An abrupt end of one side becomes an abrupt end of the other, unless nothing gets through. */
  #closeTogether(one: Socket, other: Socket): void {
    let failed = false;
    one.once('error', () => (failed = true));
    one.once('close', () => {
      if (failed && !this.swallows && !other.destroyed) other.resetAndDestroy();
    });
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {}); // Its `close` follows.
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #resetAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }
}

function checkedDelay(ms: number): number {
  if (Number.isFinite(ms) && ms >= 0) return ms;
  throw new RangeError(`a delay of ${ms} ms; give 0 or more`);
}
