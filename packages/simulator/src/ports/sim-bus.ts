import {
  type Bus,
  type BusMessage,
  BusUnavailableError,
  type Channel,
  type RegionId,
  type StreamHandler,
  type Subscription,
} from '@tidemark/core';
import type { Broker } from '../servers/broker.ts';
import { type FollowerParts, SimFollower } from './stream-follower.ts';

interface Parts extends Omit<FollowerParts, 'broker'> {
  readonly brokers: ReadonlyMap<RegionId, Broker>;
  /** On the process' clock. */
  readonly timeoutMs: number;
  /** Told of what the process heard on its region's feed, before it hears it. */
  readonly onFeed: (data: string) => void;
}

const CONNECT_RETRY_MS = 200;

/** One process' connection to the brokers of all regions. */
export class SimBus implements Bus {
  readonly region: RegionId;
  readonly regions: readonly RegionId[];
  readonly #parts: Parts;
  readonly #handlers = new Map<string, Set<(message: BusMessage) => void>>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.region = parts.life.region;
    this.regions = [...parts.brokers.keys()];
  }

  append(message: BusMessage): Promise<void> {
    const { life, network, timeoutMs } = this.#parts;
    const server = this.#broker(this.region);
    return network.call(life, {
      server,
      operation: 'append',
      timeoutMs,
      unavailable: (why) => new BusUnavailableError(why),
      repeatable: true,
      execute: () => server.append(message),
    });
  }

  /** In place when the broker took it; at once, and late, when the broker can't be reached. */
  follow(region: RegionId, handler: StreamHandler): Promise<Subscription> {
    const { life, loop, network } = this.#parts;
    const broker = this.#broker(region);
    let follower: SimFollower | null = null;
    let stopped = false;
    const subscription: Subscription = {
      stop: async () => {
        stopped = true;
        await follower?.stop();
      },
    };
    return new Promise((resolve) => {
      let attempts = 0;
      const attempt = (): void => {
        if (stopped || !life.isAlive) return;
        attempts += 1;
        const away =
          broker.state !== 'up' ||
          network.isCut(life.region, broker.region) ||
          network.isCut(broker.region, life.region);
        if (away) {
          loop.after(CONNECT_RETRY_MS, attempt);
          return life.deliver(() => resolve(subscription));
        }
        follower = new SimFollower({ ...this.#parts, broker }, handler);
        if (attempts > 1) follower.discontinuity('connected late');
        loop.after(
          network.delayMs(broker.region, life.region, `${life.name} followed`) ?? CONNECT_RETRY_MS,
          () => life.deliver(() => resolve(subscription)),
        );
      };
      loop.after(
        network.delayMs(life.region, broker.region, `${life.name} follows`) ?? CONNECT_RETRY_MS,
        attempt,
      );
    });
  }

  send(channel: Channel, message: BusMessage): void {
    const { life, loop, network } = this.#parts;
    if (!life.isAlive) return;
    const broker = this.#broker(this.region);
    const there = network.delayMs(this.region, this.region, `${life.name} sends ${channel}`);
    if (there === null) return;
    loop.after(there, () => {
      if (broker.state !== 'up') return;
      for (const listener of broker.listeners(channel)) {
        const ms = network.delayMs(broker.region, listener.region, `${broker.name} ${channel}`);
        if (ms !== null && !network.isCut(broker.region, listener.region))
          loop.after(ms, () => listener.hear(message));
      }
    });
  }

  /** A connection gets each message once, and hands it to all that listen here. */
  async listen(
    region: RegionId,
    channel: Channel,
    handler: (message: BusMessage) => void,
  ): Promise<Subscription> {
    const name = `${region} ${channel}`;
    let handlers = this.#handlers.get(name);
    if (!handlers) {
      this.#handlers.set(name, (handlers = new Set()));
      this.#connect(region, channel, handlers);
    }
    // The same function may listen twice.
    const mine = (message: BusMessage): void => handler(message);
    handlers.add(mine);
    return {
      stop: async () => {
        handlers.delete(mine);
      },
    };
  }

  #connect(region: RegionId, channel: Channel, handlers: ReadonlySet<(message: BusMessage) => void>): void {
    const { life, onFeed } = this.#parts;
    const unlisten = this.#broker(region).listen(channel, {
      region: life.region,
      hear: (message) =>
        life.deliver(() => {
          if (channel === 'feed') onFeed(message.data);
          for (const handler of [...handlers]) handler(message);
        }),
    });
    life.onDeath(unlisten);
  }

  async close(): Promise<void> {}

  #broker(region: RegionId): Broker {
    return this.#parts.brokers.get(region)!;
  }
}
