import {
  type BusMessage,
  BusUnavailableError,
  type Channel,
  ConfigurationError,
  type FeedBus,
  type RegionId,
  type StreamHandler,
  type Subscription,
} from '@tidemark/core';
import { type NatsConnection, StringCodec } from 'nats';
import { listenOn } from './channel-listener.ts';
import { delay, Link } from './link.ts';
import { channelSubject, checkOptions, type NatsServerOptions, streamName } from './options.ts';
import { StreamFollower } from './stream-follower.ts';
import { type LogEntry, type LogQuery, lookAtStream, readLog, type StreamLook } from './stream-look.ts';

const codec = StringCodec();

export interface NatsObserverOptions {
  /** Name of the source of truth; part of every subject. */
  readonly source: string;
  readonly servers: Readonly<Record<RegionId, NatsServerOptions>>;
}

/** The server that a region's link is connected with. */
export interface NatsServerFacts {
  readonly name: string;
  readonly version: string;
  readonly roundTripMs: number;
  readonly payloadMaxBytes: number;
  readonly jetStream: boolean;
}

/**
 * Looks at the streams and channels of regions, for operators. Makes no stream, appends nothing, and belongs to no
 * region; all it sends are pings, as nodes do, and questions to nodes.
 */
export class NatsObserver {
  readonly #options: NatsObserverOptions;
  readonly #links = new Map<RegionId, Link>();
  readonly #subscriptions = new Set<Subscription>();

  /** @throws ConfigurationError for options that can't work */
  constructor(options: NatsObserverOptions) {
    this.#options = options;
    const [first] = Object.keys(options.servers);
    if (first === undefined) throw new ConfigurationError('servers is empty; give at least one region');
    checkOptions({ ...options, region: first });
    for (const [region, server] of Object.entries(options.servers)) {
      this.#links.set(region, new Link(server, `tidemark ${options.source} observer`));
    }
  }

  /** Resolves with the server's facts when it answers within `ms`. @throws BusUnavailableError */
  async server(region: RegionId, ms: number): Promise<NatsServerFacts> {
    const connection = await this.#connected(region, ms);
    const roundTripMs = await this.#roundTrip(region, connection, ms);
    const { server_name: name = '', version = '', max_payload: max = 0, jetstream } = connection.info ?? {};
    return { name, version, roundTripMs, payloadMaxBytes: max, jetStream: jetstream === true };
  }

  /** The region's stream and who follows it; null when there is none. @throws BusUnavailableError */
  async stream(region: RegionId, ms: number): Promise<StreamLook | null> {
    const connection = await this.#connected(region, ms);
    return lookAtStream(connection, streamName(this.#options.source, region), ms);
  }

  /** What the region's stream keeps, oldest first, up to its end at the time of the call. @throws BusUnavailableError */
  async *log(region: RegionId, query: LogQuery, ms: number): AsyncGenerator<LogEntry> {
    const connection = await this.#connected(region, ms);
    yield* readLog(connection, streamName(this.#options.source, region), query, ms);
  }

  /** Follows a region's stream from now on, across reconnects. Resolves once it does, or after `ms`. */
  async follow(region: RegionId, handler: StreamHandler, ms: number): Promise<Subscription> {
    const stream = streamName(this.#options.source, region);
    const follower = new StreamFollower(this.#link(region), stream, handler, 'tidemark observer');
    this.#subscriptions.add(follower);
    await follower.settled(ms);
    return follower;
  }

  /** A region's signals, as its own nodes hear and send them. */
  signals(region: RegionId): FeedBus {
    const link = this.#link(region);
    const subject = (channel: Channel): string => channelSubject(this.#options.source, region, channel);
    return {
      region,
      listen: async (_, channel, handler) => listenOn(link, subject(channel), handler),
      send(channel, { data }: BusMessage) {
        const connection = link.up;
        if (connection && !connection.isClosed()) connection.publish(subject(channel), codec.encode(data));
      },
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.stop()));
    await Promise.all([...this.#links.values()].map((link) => link.close()));
  }

  /** A connection that was cut without a word looks as if it were there. */
  async #roundTrip(region: RegionId, connection: NatsConnection, ms: number): Promise<number> {
    const limit = delay(ms);
    const late = limit.promise.then(() => {
      throw unreachable(region, `no answer within ${ms} ms`);
    });
    try {
      return await Promise.race([connection.rtt(), late]);
    } catch (error) {
      throw error instanceof BusUnavailableError
        ? error
        : unreachable(region, error instanceof Error ? error.message : String(error), error);
    } finally {
      limit.cancel();
    }
  }

  async #connected(region: RegionId, ms: number): Promise<NatsConnection> {
    const link = this.#link(region);
    if (!link.up) await link.settled(ms);
    if (link.up) return link.up;
    const why = link.trouble?.message ?? `no answer within ${ms} ms`;
    throw unreachable(region, why, link.trouble);
  }

  #link(region: RegionId): Link {
    const link = this.#links.get(region);
    if (link) return link;
    throw new ConfigurationError(`region ${region} has no entry in servers`);
  }
}

function unreachable(region: RegionId, why: string, cause?: unknown): BusUnavailableError {
  return new BusUnavailableError(
    `NATS of ${region} can't be reached (${why}); check that it runs, its address and the credentials`,
    { cause },
  );
}
