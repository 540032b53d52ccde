import { connect, type ConnectionOptions, DebugEvents, Events, type NatsConnection } from 'nats';
import { Attempts, type LinkOptions } from './attempts.ts';
import type { NatsServerOptions } from './options.ts';

/** Settings that notice half-open links in seconds and never give up; see docs/decisions. */
const CONNECTION: ConnectionOptions = {
  maxReconnectAttempts: -1,
  reconnectTimeWait: 200,
  reconnectJitter: 100,
  pingInterval: 2_000,
  maxPingOut: 2,
  timeout: 2_000,
  ignoreClusterUpdates: true,
  noAsyncTraces: true,
};

type Task = (connection: NatsConnection) => void;

/** A connection to one region's NATS, which may be away at any time, also at first. */
export class Link {
  #connection: NatsConnection | null = null;
  #isUp = false;
  #closed = false;
  #trouble: Error | null = null;
  readonly #attempts = new Attempts();
  readonly #onUp = new Set<Task>();
  readonly #opening: Promise<void>;

  constructor(options: NatsServerOptions, name: string) {
    this.#opening = this.#open({
      ...CONNECTION,
      name,
      servers: typeof options.servers === 'string' ? options.servers : [...options.servers],
      ...options.connection,
      tidemarkAttempts: this.#attempts,
    });
  }

  /** The connection while it works, else null. */
  get up(): NatsConnection | null {
    return this.#isUp ? this.#connection : null;
  }

  /** What kept it from connecting for the first time; null when nothing did, or not yet. */
  get trouble(): Error | null {
    return this.#trouble;
  }

  /** Runs `task` now if connected, and after every (re)connect, until the returned call. */
  onUp(task: Task): () => void {
    this.#onUp.add(task);
    if (this.up) task(this.up);
    return () => this.#onUp.delete(task);
  }

  /** Runs `task` with the connection once there is one; subscriptions live across reconnects. */
  onceConnected(task: Task): void {
    void this.#opening.then(() => {
      if (this.#connection && !this.#closed) task(this.#connection);
    });
  }

  /** Resolves when connected for the first time, or after `ms`. */
  async settled(ms: number): Promise<void> {
    const { promise, cancel } = delay(ms);
    await Promise.race([this.#opening, promise]);
    cancel();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#isUp = false;
    const closing = this.#connection?.close();
    this.#attempts.end();
    await closing;
  }

  async #open(options: LinkOptions): Promise<void> {
    let connection: NatsConnection;
    try {
      connection = await this.#firstConnect(options);
    } catch {
      return;
    }
    if (this.#closed) return connection.close();
    this.#connection = connection;
    this.#trouble = null;
    this.#isUp = true;
    void this.#watch(connection);
    this.#announce(connection);
  }

  /** `waitOnFirstConnect` can't be cancelled, so the waiting is done here. */
  async #firstConnect(options: LinkOptions): Promise<NatsConnection> {
    for (;;) {
      try {
        return await connect({ ...options, waitOnFirstConnect: false });
      } catch (error) {
        this.#trouble = error as Error;
        if (this.#closed) throw error;
        await delay(options.reconnectTimeWait ?? 200).promise;
        if (this.#closed) throw error;
      }
    }
  }

  async #watch(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === Events.Disconnect || status.type === DebugEvents.StaleConnection)
        this.#isUp = false;
      if (status.type === Events.Reconnect) {
        this.#isUp = true;
        this.#announce(connection);
      }
    }
    this.#isUp = false;
  }

  #announce(connection: NatsConnection): void {
    for (const task of this.#onUp) task(connection);
  }
}

/** A promise that resolves after `ms` and does not keep the process alive. */
export function delay(ms: number): { readonly promise: Promise<void>; cancel(): void } {
  let timer: NodeJS.Timeout | undefined;
  let finish = (): void => {};
  const promise = new Promise<void>((resolve) => {
    finish = resolve;
    timer = setTimeout(resolve, ms);
    timer.unref();
  });
  return {
    promise,
    cancel: () => {
      clearTimeout(timer);
      finish();
    },
  };
}
