import {
  type Bus,
  type BusMessage,
  BusUnavailableError,
  type Channel,
  ConfigurationError,
  type RegionId,
  type StreamHandler,
  type Subscription,
  type Timer,
} from '@tidemark/core';
import type { MeshLinks } from './memory-mesh.ts';
import { StreamFollower } from './stream-follower.ts';

/** One process' connection to a memory mesh. */
export class MemoryBus implements Bus {
  readonly region: RegionId;
  readonly regions: readonly RegionId[];
  readonly #links: MeshLinks;
  readonly #open = new Set<Subscription>();
  readonly #timers = new Set<Timer>();
  #closed = false;

  /** @internal use `MemoryMesh.bus` */
  constructor(links: MeshLinks, region: RegionId) {
    if (!links.regions.includes(region)) {
      throw new ConfigurationError(`region ${region} is not in this mesh: ${links.regions.join(', ')}`);
    }
    this.#links = links;
    this.region = region;
    this.regions = links.regions;
  }

  async append(message: BusMessage): Promise<void> {
    if (this.#closed) throw new BusUnavailableError('this bus is closed');
    this.#links.stream(this.region).append(message);
  }

  async follow(region: RegionId, handler: StreamHandler): Promise<Subscription> {
    return this.#keep(new StreamFollower(this.#links, this.#known(region), this.region, handler));
  }

  send(channel: Channel, message: BusMessage): void {
    if (!this.#closed) this.#links.signals(this.region).send(channel, message);
  }

  async listen(
    region: RegionId,
    channel: Channel,
    handler: (message: BusMessage) => void,
  ): Promise<Subscription> {
    let stopped = false;
    const unlisten = this.#links.signals(this.#known(region)).listen(channel, (message) => {
      const delayMs = this.#links.delayMs(region, this.region);
      if (delayMs === null) return;
      const timer = this.#links.runtime.timer(delayMs, () => {
        this.#timers.delete(timer);
        if (!stopped) handler(message);
      });
      this.#timers.add(timer);
    });
    return this.#keep({
      stop: async () => {
        stopped = true;
        unlisten();
      },
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#open].map((subscription) => subscription.stop()));
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #keep(subscription: Subscription): Subscription {
    const kept: Subscription = {
      stop: async () => {
        this.#open.delete(kept);
        await subscription.stop();
      },
    };
    this.#open.add(kept);
    return kept;
  }

  #known(region: RegionId): RegionId {
    if (!this.regions.includes(region)) {
      throw new ConfigurationError(`region ${region} is not in this mesh: ${this.regions.join(', ')}`);
    }
    return region;
  }
}
