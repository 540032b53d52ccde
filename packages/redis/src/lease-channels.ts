import { StoreUnavailableError } from '@tidemark/core';
import type { Redis } from 'ioredis';

/**
 * Hears of leases that end: the scripts publish on a shard channel that is named like the lease. Nobody listens
 * but while a reader waits, and nobody counts on it: a message may be lost, and a Redis before 7 sends none.
 *
 * On a connection of its own, since one that subscribes can do nothing else; opened when it is first needed.
 */
export class LeaseChannels {
  readonly #open: () => Redis;
  readonly #timeoutMs: number;
  readonly #listeners = new Map<string, Set<() => void>>();
  #subscriber: Redis | null = null;
  #connecting: Promise<Redis> | null = null;

  /** @param open makes a connection whose commands end by themselves */
  constructor(open: () => Redis, timeoutMs: number) {
    this.#open = open;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Resolves, once no message can be missed, with what ends it.
   *
   * @throws StoreUnavailableError when that takes longer than a command may
   */
  async watch(channel: string, ended: () => void): Promise<() => void> {
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners.add(ended));
    const unwatch = (): void => {
      listeners.delete(ended);
      if (listeners.size > 0 || this.#listeners.get(channel) !== listeners) return;
      this.#listeners.delete(channel);
      this.#subscriber?.sunsubscribe(channel).catch(() => {});
    };
    try {
      const subscriber = await this.#ready();
      await subscriber.ssubscribe(channel);
    } catch (cause) {
      unwatch();
      throw new StoreUnavailableError('Redis does not tell of leases that end; they are asked for', {
        cause,
      });
    }
    return unwatch;
  }

  close(): void {
    this.#subscriber?.disconnect();
  }

  /** However many wait for it, they wait together. */
  #ready(): Promise<Redis> {
    this.#subscriber ??= this.#listen();
    const subscriber = this.#subscriber;
    if (subscriber.status === 'ready') return Promise.resolve(subscriber);
    this.#connecting ??= new Promise<Redis>((resolve, reject) => {
      const settle = (error?: Error): void => {
        clearTimeout(timer);
        subscriber.off('ready', settle);
        this.#connecting = null;
        if (error) reject(error);
        else resolve(subscriber);
      };
      const timer = setTimeout(() => settle(new Error('it is not connected')), this.#timeoutMs);
      subscriber.once('ready', settle);
    });
    return this.#connecting;
  }

  #listen(): Redis {
    const subscriber = this.#open();
    // Without a listener it would be thrown; whoever waits is told by the timeout.
    subscriber.on('error', () => {});
    subscriber.on('smessage', (channel: string) => {
      for (const listener of this.#listeners.get(channel) ?? []) listener();
    });
    return subscriber;
  }
}
