/** Region id, as in `regions/`: lower-case letters, digits and dashes. */
export type RegionId = string;

/** Short-lived signals of one region; at most once, never stored. */
export type Channel =
  | 'ping' // appliers -> relay: numbered pings
  | 'poke' // writers -> relay: something was committed
  | 'hello' // nodes -> applier: numbered pings
  | 'feed' // applier -> nodes
  | 'ask' // observers -> nodes: what they hold and saw
  | 'tell'; // nodes -> observers

/** A message; `data` is text in the format of `protocol/wire.ts`. */
export interface BusMessage {
  readonly data: string;
  /** Trace context and the like. Case-sensitive. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface StreamHandler {
  /** In stream order. Awaited before the next message: back-pressure. */
  onMessage(message: BusMessage): Promise<void> | void;
  /** The follower may have missed messages: overrun, recreated stream, new consumer. */
  onDiscontinuity(reason: string): void;
}

export interface Subscription {
  stop(): Promise<void>;
}

/**
 * How events travel. A bus belongs to one region: it appends and sends only as that region, and
 * follows its own and its peers' streams over direct connections.
 *
 * Nothing depends on the bus for correctness: messages may be late, lost, repeated or reordered.
 */
export interface Bus {
  readonly region: RegionId;
  /** Own region and peers: everything that can be followed. */
  readonly regions: readonly RegionId[];
  /** Appends to the own region's stream; resolves when the stream acknowledged it. */
  append(message: BusMessage): Promise<void>;
  /**
   * Follows a region's stream from now on, for ever: reconnects by itself and resumes where it
   * was. Resolves once the follower is in place, or at once when the region can't be reached yet
   * (it then reports a discontinuity when it gets there).
   */
  follow(region: RegionId, handler: StreamHandler): Promise<Subscription>;
  /** Sends a signal on the own region's channel. Never rejects; dropped when not connected. */
  send(channel: Channel, message: BusMessage): void;
  /** Listens to a channel of the own region or of a peer, across reconnects. */
  listen(region: RegionId, channel: Channel, handler: (message: BusMessage) => void): Promise<Subscription>;
  close(): Promise<void>;
}
