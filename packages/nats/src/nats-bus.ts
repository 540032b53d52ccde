import {
  type Bus,
  type BusMessage,
  BusUnavailableError,
  type Channel,
  ConfigurationError,
  type RegionId,
  type StreamHandler,
  type Subscription,
} from '@tidemark/core';
import { Appender } from './appender.ts';
import { fromBusMessage } from './messages.ts';
import { listenOn } from './channel-listener.ts';
import { Link } from './link.ts';
import {
  channelSubject,
  checkOptions,
  followerDescription,
  type NatsBusOptions,
  streamName,
} from './options.ts';
import { StreamFollower } from './stream-follower.ts';

/** How long a start waits for servers that are away. */
const SETTLE_MS = 2_000;

/** A region's bus over NATS: its own JetStream stream, and direct connections to its peers. */
export class NatsBus implements Bus {
  readonly region: RegionId;
  readonly regions: readonly RegionId[];
  readonly #options: NatsBusOptions;
  readonly #links = new Map<RegionId, Link>();
  readonly #appender: Appender;
  readonly #subscriptions = new Set<Subscription>();
  #closed = false;

  /** @internal use `natsBus` */
  constructor(options: NatsBusOptions) {
    checkOptions(options);
    this.#options = options;
    this.region = options.region;
    this.regions = Object.keys(options.servers);
    for (const [region, server] of Object.entries(options.servers)) {
      this.#links.set(region, new Link(server, `tidemark ${options.source} ${options.region}`));
    }
    this.#appender = new Appender(this.#link(options.region), options);
  }

  /** @internal */
  async settled(): Promise<void> {
    await this.#link(this.region).settled(SETTLE_MS);
  }

  /** Resolves while connected with the region's NATS; else rejects and says why not. */
  async reach(region: RegionId): Promise<void> {
    const link = this.#link(region);
    if (link.up && !this.#closed) return;
    const { trouble } = link;
    throw new BusUnavailableError(
      `NATS of ${region} can't be reached (${trouble?.message ?? 'not yet'}); check that it runs, its address and the credentials`,
      { cause: trouble },
    );
  }

  async append(message: BusMessage): Promise<void> {
    if (this.#closed) throw new BusUnavailableError('this bus is closed');
    await this.#appender.append(message);
  }

  async follow(region: RegionId, handler: StreamHandler): Promise<Subscription> {
    const follower = new StreamFollower(
      this.#link(region),
      streamName(this.#options.source, region),
      handler,
      followerDescription(this.region),
    );
    await follower.settled(SETTLE_MS);
    return this.#keep(follower);
  }

  send(channel: Channel, message: BusMessage): void {
    // While disconnected the client would keep what it then throws away.
    const connection = this.#link(this.region).up;
    if (this.#closed || !connection || connection.isClosed()) return;
    connection.publish(this.#subject(this.region, channel), ...fromBusMessage(message));
  }

  async listen(
    region: RegionId,
    channel: Channel,
    handler: (message: BusMessage) => void,
  ): Promise<Subscription> {
    return this.#keep(await listenOn(this.#link(region), this.#subject(region, channel), handler));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.stop()));
    await Promise.all([...this.#links.values()].map((link) => link.close()));
  }

  #keep(subscription: Subscription): Subscription {
    const kept: Subscription = {
      stop: async () => {
        this.#subscriptions.delete(kept);
        await subscription.stop();
      },
    };
    this.#subscriptions.add(kept);
    return kept;
  }

  #link(region: RegionId): Link {
    const link = this.#links.get(region);
    if (!link)
      throw new ConfigurationError(`region ${region} has no entry in servers: ${this.regions.join(', ')}`);
    return link;
  }

  #subject(region: RegionId, channel: Channel): string {
    return channelSubject(this.#options.source, region, channel);
  }
}

/**
 * Connects to the own region's NATS and to every peer's. Resolves also while some can't be reached:
 * they are tried for ever.
 *
 * @throws ConfigurationError for options that can't work
 */
export async function natsBus(options: NatsBusOptions): Promise<NatsBus> {
  const bus = new NatsBus(options);
  await bus.settled();
  return bus;
}
