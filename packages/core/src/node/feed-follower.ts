import type { Bus, BusMessage, Subscription } from '../ports/bus.ts';
import type { Runtime, Timer } from '../ports/runtime.ts';
import type { Carrier, Telemetry } from '../ports/telemetry.ts';
import type { Invalidation } from '../protocol/event.ts';
import { FeedPlaces } from '../protocol/feed-places.ts';
import { PingLog } from '../protocol/ping-log.ts';
import { within } from '../runtime/deadline.ts';
import { type Claim, decodeMessage, encodeMessage } from '../protocol/wire.ts';

/** Pings without any feed message after which the feed counts as silent. */
const SILENT_PINGS = 6;

/** A region's signals, as far as a follower needs them. */
export type FeedBus = Pick<Bus, 'region' | 'listen' | 'send'>;

export interface FeedListener {
  /** The node has its place in the feed; nothing older is proven. */
  onJoin(reason: string): void;
  /** The node lost its place: the feed is silent. */
  onLost(reason: string): void;
  /** @param carrier of the trace that they belong to, if it is known */
  onInvalidations(invalidations: readonly Invalidation[], carrier?: Carrier): void;
  /** A claim that echoes a ping this node sent at `sentAtMs`. */
  onClaim(claim: Claim, sentAtMs: number): void;
}

/** Keeps a node's place in its region's feed, and pings for proof. */
export class FeedFollower {
  readonly #bus: FeedBus;
  readonly #runtime: Runtime;
  readonly #telemetry: Telemetry;
  readonly #listener: FeedListener;
  readonly #life: string;
  readonly #pingIntervalMs: number;
  readonly #pings = new PingLog();
  readonly #places = new FeedPlaces();
  readonly #joined: Promise<void>;
  #onJoined!: () => void;
  #unheardPings = 0;
  #subscription: Subscription | null = null;
  #timer: Timer | null = null;
  #stopped = false;

  constructor(
    bus: FeedBus,
    options: { readonly runtime: Runtime; readonly telemetry: Telemetry; readonly pingIntervalMs: number },
    listener: FeedListener,
  ) {
    this.#bus = bus;
    this.#runtime = options.runtime;
    this.#telemetry = options.telemetry;
    this.#pingIntervalMs = options.pingIntervalMs;
    this.#listener = listener;
    this.#life = options.runtime.randomId();
    this.#joined = new Promise((resolve) => (this.#onJoined = resolve));
  }

  /** Resolves when the node has had a place in the feed, or after `ms`: its L1 takes nothing before. */
  async joined(ms: number): Promise<void> {
    await within(this.#runtime, ms, this.#joined);
  }

  async start(): Promise<void> {
    this.#subscription = await this.#bus.listen(this.#bus.region, 'feed', (message) =>
      this.#receive(message),
    );
    this.#ping();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#subscription?.stop();
  }

  #ping(): void {
    if (this.#stopped) return;
    this.#unheardPings += 1;
    if (this.#unheardPings > SILENT_PINGS && this.#places.joined) {
      this.#places.leave();
      this.#telemetry.record({ type: 'feed-gap', reason: 'silent' });
      this.#listener.onLost('the feed is silent');
    }
    const ping = this.#pings.send(this.#runtime.monoMs(), undefined);
    this.#bus.send('hello', { data: encodeMessage({ kind: 'ping', life: this.#life, ping }) });
    this.#timer = this.#runtime.timer(this.#pingIntervalMs, () => this.#ping());
  }

  #receive({ data, headers }: BusMessage): void {
    if (this.#stopped) return;
    const decoded = decodeMessage(data);
    if (!decoded.ok || decoded.message.kind !== 'feed') {
      // Nobody else may speak here; the hole in the numbers will show what was lost.
      this.#telemetry.record({
        type: !decoded.ok && decoded.later ? 'later-message' : 'bad-message',
        from: 'feed',
        reason: decoded.ok ? 'kind' : decoded.why,
      });
      return;
    }
    const { message } = decoded;
    const step = this.#places.step(message);
    if (step === 'duplicate') {
      // Or one that was overtaken: what it tells is true whenever it comes.
      if (message.invalidations.length > 0) this.#listener.onInvalidations(message.invalidations, headers);
      return;
    }
    this.#unheardPings = 0;
    if (step !== 'next') {
      this.#telemetry.record({ type: 'feed-gap', reason: step });
      this.#listener.onJoin(step);
      this.#onJoined();
    }
    if (message.invalidations.length > 0) this.#listener.onInvalidations(message.invalidations, headers);
    const echo = message.claim?.echoes.find(({ life }) => life === this.#life);
    const sent = echo && this.#pings.echo(echo.ping);
    if (message.claim && sent) this.#listener.onClaim(message.claim, sent.atMs);
  }
}
