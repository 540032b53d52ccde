import { SourceUnavailableError } from '@tidemark/core';
import pg from 'pg';
import type { ClientBase, Pool, PoolClient, PoolConfig } from 'pg';
import { isConnectionError } from './errors.ts';

/** Longest wait for connections to say goodbye when the pool closes, ms. */
const CLOSE_WAIT_MS = 2_000;

/** One connection of the pool, lent to one piece of work. */
export interface Lent {
  readonly client: PoolClient;
  /** True once the connection died. */
  readonly lost: () => boolean;
  /** Keeps the connection from going back to the pool. */
  readonly discard: () => void;
}

/** A pool whose connections are checked when they are new, and thrown away once they are in doubt. */
export class Connections {
  readonly #pool: Pool;
  readonly #open = new Set<ClientBase>();
  #closed: Promise<void> | null = null;

  /** `prepare` runs on each new connection before its first use. */
  constructor(config: PoolConfig, prepare: (client: ClientBase) => Promise<void>) {
    this.#pool = new pg.Pool({
      ...config,
      verify: (client, done) => {
        prepare(client).then(() => done(), done); // oxlint-disable-line promise/no-callback-in-promise
      },
    });
    // An idle connection that dies is reported here; without a listener it would end the process.
    this.#pool.on('error', ignoreLoss);
    this.#pool.on('connect', (client) => {
      this.#open.add(client);
      client.on('error', ignoreLoss); // The pool listens only to idle ones: not while `prepare` runs.
    });
    this.#pool.on('remove', (client) => void this.#open.delete(client));
  }

  /** Lends one connection to `work`; it goes back to the pool only if it is surely in order. */
  async use<T>(work: (lent: Lent) => Promise<T>): Promise<T> {
    this.assertOpen();
    const client = await this.#pool.connect();
    let lost = false;
    let doubtful = false;
    const onError = (): void => {
      lost = true;
    };
    client.on('error', onError);
    try {
      return await work({
        client,
        lost: () => lost,
        discard: () => {
          doubtful = true;
        },
      });
    } catch (error) {
      doubtful ||= isConnectionError(error);
      throw error;
    } finally {
      client.off('error', onError);
      if (lost || doubtful) destroySocket(client);
      client.release(lost || doubtful);
    }
  }

  /** Rejects what comes after `close`. */
  assertOpen(): void {
    if (this.#closed) throw new SourceUnavailableError('this Postgres source is closed; make a new one');
  }

  /** Waits for lent connections, then ends all of them; after 2 s it cuts those that are left. */
  close(): Promise<void> {
    this.#closed ??= (async () => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, CLOSE_WAIT_MS);
      });
      await Promise.race([Promise.all([this.#pool.end(), this.#drained()]), late]);
      clearTimeout(timer);
      for (const client of this.#open) destroySocket(client);
    })();
    return this.#closed;
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.#open.size === 0) resolve();
      };
      this.#pool.on('remove', look);
      look();
    });
  }
}

/**
 * For a connection that may die while nobody waits for an answer: its next statement reports it. An
 * error event that nobody listens to would end the process.
 */
export function ignoreLoss(): void {}

/** Ends a connection at once, without waiting for a server that may hang. */
export function destroySocket(client: ClientBase): void {
  (client as ClientBase & { connection?: { stream?: { destroy(): void } } }).connection?.stream?.destroy();
}
