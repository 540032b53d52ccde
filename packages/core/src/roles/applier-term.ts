import type { AnyKeyspace } from '../node/options.ts';
import { Carriers } from '../node/carriers.ts';
import { SENT_AT_HEADER } from '../node/publisher.ts';
import type { Bus, BusMessage, RegionId, Subscription } from '../ports/bus.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { SourceOfTruth } from '../ports/source.ts';
import type { Store } from '../ports/store.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { Barrier, Echo, Invalidation, ShippedValue } from '../protocol/event.ts';
import { PingLog } from '../protocol/ping-log.ts';
import { comparePositions, maxPosition, type Position } from '../protocol/position.ts';
import { RelayChain } from '../protocol/relay-chain.ts';
import { maxVersion } from '../protocol/version.ts';
import { decodeMessage, encodeMessage, type StreamMessage } from '../protocol/wire.ts';
import { backoffMs } from '../runtime/sleep.ts';
import { Wakeup } from '../runtime/wakeup.ts';
import { FeedWriter } from './feed-writer.ts';
import { HelloBook, type Hellos } from './hellos.ts';
import { Inbox } from './inbox.ts';
import { BEHIND, PartitionWriter } from './partition-writer.ts';
import { resync } from './resync.ts';
import { fillShipped } from './shipped-values.ts';

const INBOX_MAX = 2_000;
const BATCH_EVENTS_MAX = 500;
/** Without a barrier for this many ping intervals the applier asks the source itself. */
const SILENT_PINGS = 6;
/** Failures in a row after which the source counts as out of this process' reach. */
const SOURCE_FAILURES_MAX = 3;
const RESYNC_RETRY_MS = 100;
const RESYNC_RETRY_MAX_MS = 5_000;

interface TermOptions {
  readonly runtime: Runtime;
  readonly telemetry: Telemetry;
  readonly pingIntervalMs: number;
  readonly keyspaceOf: (key: string) => AnyKeyspace | undefined;
}

interface Received {
  readonly region: RegionId;
  readonly message: BusMessage | null;
  /** Set instead of a message: something of the stream may be missing. */
  readonly discontinuity?: string;
}

/** What was known when a ping was sent. */
interface AtPing {
  readonly hellos: Hellos;
  readonly told: Position | null;
}

/** One turn of an applier in its role, from taking it over to giving it up. */
export class ApplierTerm {
  readonly #source: SourceOfTruth;
  readonly #bus: Bus;
  readonly #store: Store;
  readonly #options: TermOptions;
  readonly #life: string;
  readonly #wakeup: Wakeup;
  readonly #inbox: Inbox<Received>;
  readonly #chains = new Map<RegionId, RelayChain>();
  readonly #pings = new PingLog<AtPing>();
  readonly #partitions: readonly PartitionWriter[];
  /** The feed has told its nodes all changes below it that they may not know by other means. */
  #told: Position | null = null;
  #feed: FeedWriter;
  readonly #hellos = new HelloBook();
  #subscriptions: Subscription[] = [];
  #working: Promise<void> = Promise.resolve();
  #ended = false;
  #resyncFailures = 0;
  /** Changes that the last resync could not apply. */
  #deadLetters = 0;
  #sourceFailures = 0;
  /** Pings sent since the applier last heard its own feed. */
  #unheardPings = 0;
  #resyncAtMs = 0;
  #pingAtMs = 0;
  #provenAtMs: number;

  constructor(source: SourceOfTruth, bus: Bus, store: Store, options: TermOptions) {
    this.#source = source;
    this.#bus = bus;
    this.#store = store;
    this.#options = options;
    this.#life = options.runtime.randomId();
    this.#wakeup = new Wakeup(options.runtime);
    this.#inbox = new Inbox(INBOX_MAX, () => this.#wakeup.wake());
    const stores = store.partitions ?? [store];
    this.#partitions = stores.map((each, i) => new PartitionWriter(each, i, stores.length, options.runtime));
    this.#feed = new FeedWriter(bus, options.runtime.randomId());
    this.#provenAtMs = options.runtime.monoMs();
  }

  /**
   * Something keeps this process from doing its work that may not keep another one from it: the source,
   * or its own bus, can't be reached. What it can do it goes on doing.
   */
  get isTroubled(): boolean {
    return this.#sourceFailures >= SOURCE_FAILURES_MAX || this.#unheardPings > SILENT_PINGS;
  }

  /** Follows all streams, then starts to work: what is missed before that the first resync brings. */
  async begin(): Promise<void> {
    this.#subscriptions.push(
      await this.#bus.listen(this.#bus.region, 'hello', ({ data }) => this.#hellos.note(data)),
      await this.#bus.listen(this.#bus.region, 'feed', ({ data }) => {
        if (data.includes(this.#feed.life)) this.#unheardPings = 0;
      }),
    );
    const followed = await Promise.allSettled(
      this.#bus.regions.map((region) => {
        this.#chains.set(region, new RelayChain());
        return this.#bus.follow(region, {
          onMessage: (message) => this.#inbox.push({ region, message }),
          onDiscontinuity: (reason) =>
            void this.#inbox.push({ region, message: null, discontinuity: reason }),
        });
      }),
    );
    for (const result of followed) if (result.status === 'fulfilled') this.#subscriptions.push(result.value);
    for (const result of followed) if (result.status === 'rejected') throw result.reason;
    this.#working = this.#work();
  }

  async end(): Promise<void> {
    this.#ended = true;
    this.#wakeup.wake();
    this.#inbox.drain();
    await Promise.all(this.#subscriptions.map((subscription) => subscription.stop()));
    this.#inbox.drain();
    await this.#working;
  }

  async #work(): Promise<void> {
    const { runtime, pingIntervalMs } = this.#options;
    while (!this.#ended) {
      if (this.#hasGap && runtime.monoMs() >= this.#resyncAtMs) await this.#resync();
      await this.#applyAll(this.#inbox.drain());
      const nowMs = runtime.monoMs();
      if (nowMs >= this.#pingAtMs) this.#ping(nowMs);
      if (!this.#hasGap && nowMs - this.#provenAtMs > SILENT_PINGS * pingIntervalMs) {
        this.#noteGap('relay', 'the relay is silent');
      }
      if (this.#inbox.size === 0) {
        const untilMs = this.#hasGap ? Math.min(this.#pingAtMs, this.#resyncAtMs) : this.#pingAtMs;
        await this.#wakeup.wait(Math.max(1, untilMs - runtime.monoMs()));
      }
    }
  }

  get #hasGap(): boolean {
    return this.#partitions.some(({ gap }) => gap !== null);
  }

  /** Asks the relay for a proof, on behalf of the nodes that asked here. */
  #ping(nowMs: number): void {
    this.#pingAtMs = nowMs + this.#options.pingIntervalMs;
    const ping = this.#pings.send(nowMs, { hellos: this.#hellos.waiting(), told: this.#told });
    this.#bus.send('ping', { data: encodeMessage({ kind: 'ping', life: this.#life, ping }) });
    this.#unheardPings += 1;
    this.#feed.claim(); // A heartbeat: the feed is alive even while nothing is proven.
  }

  async #applyAll(received: readonly Received[]): Promise<void> {
    let batch = new Map<string, Invalidation>();
    let carriers = new Carriers();
    const shipped: ShippedValue[] = [];
    for (const { region, message, discontinuity } of received) {
      const decoded = message && this.#decode(region, message);
      if (decoded === 'left-aside') continue;
      if (!decoded) {
        this.#chains.get(region)!.break();
        if (discontinuity) this.#noteGap(region, discontinuity);
        continue;
      }
      const chain = this.#chains.get(region)!;
      if (decoded.kind === 'barrier') {
        const seen = chain.note(decoded.life, decoded.seq, true);
        if (seen === 'duplicate') continue;
        if (seen === 'hole') this.#noteGap(region, 'a hole before a barrier');
        await this.#apply(region, batch, decoded.barrier, carriers);
        batch = new Map();
        carriers = new Carriers();
        continue;
      }
      if (decoded.kind === 'changes') {
        chain.note(decoded.life, decoded.seq, false);
        carriers.addRelay(message!.headers);
      } else carriers.add(message!.headers);
      const invalidations = decoded.kind === 'update' ? decoded.values : decoded.invalidations;
      if (decoded.kind === 'update') shipped.push(...decoded.values);
      this.#observe(region, message!, invalidations.length);
      for (const { key, version } of invalidations) {
        const invalidation = { key, version };
        const known = batch.get(invalidation.key);
        batch.set(
          invalidation.key,
          known ? { key: known.key, version: maxVersion(known.version, invalidation.version) } : invalidation,
        );
      }
      if (batch.size >= BATCH_EVENTS_MAX) {
        await this.#apply(region, batch, null, carriers);
        batch = new Map();
        carriers = new Carriers();
      }
    }
    if (batch.size > 0) await this.#apply(received.at(-1)!.region, batch, null, carriers);
    // After their invalidations: a value for a store that is away now is left to its next reader.
    await fillShipped(this.#store, shipped, this.#options.keyspaceOf, this.#options.telemetry).catch(
      () => {},
    );
  }

  #decode(region: RegionId, { data }: BusMessage): StreamMessage | 'left-aside' | null {
    const decoded = decodeMessage(data);
    if (
      decoded.ok &&
      (decoded.message.kind === 'bump' ||
        decoded.message.kind === 'update' ||
        decoded.message.kind === 'changes' ||
        decoded.message.kind === 'barrier')
    ) {
      return decoded.message;
    }
    if (!decoded.ok && decoded.later) {
      const { numbering } = decoded.later;
      if (numbering) this.#chains.get(region)!.skip(numbering.life, numbering.seq);
      this.#options.telemetry.record({ type: 'later-message', from: region, reason: decoded.why });
      return 'left-aside';
    }
    const reason = decoded.ok ? `kind ${decoded.message.kind}` : decoded.why;
    this.#options.telemetry.record({ type: 'bad-message', from: region, reason });
    return null;
  }

  /** Store first, then the nodes; a barrier counts only where all before it was applied. */
  async #apply(
    region: RegionId,
    batch: ReadonlyMap<string, Invalidation>,
    barrier: Barrier | null,
    carriers: Carriers,
  ): Promise<void> {
    const invalidations = [...batch.values()];
    if (barrier && this.#told && comparePositions(barrier.from, this.#told) > 0) {
      // Another applier may have moved the store beyond what this feed's nodes were told.
      this.#noteGap(region, 'a barrier begins after what the feed told');
    }
    if (invalidations.length === 0 && (!barrier || this.#partitions.every(({ gap }) => gap !== null))) return;
    const { telemetry } = this.#options;
    const write = async (): Promise<void> => {
      let behind = false;
      await Promise.all(
        this.#partitions.map(async (partition) => {
          const gap = await partition.apply(invalidations, barrier);
          if (gap === BEHIND) behind = true;
          else if (gap !== null) this.#openGap(partition, region, gap);
        }),
      );
      // The nodes' L1s can be kept right even while the store is away.
      this.#feed.invalidate(invalidations, carriers.knowsWriter ? telemetry.inject() : undefined);
      if (!barrier || !this.#partitions.some(({ gap }) => gap === null)) return;
      if (behind) return this.#doubt(region, barrier);
      this.#told = maxPosition(this.#told!, barrier.to);
      telemetry.record({ type: 'horizon', atMs: barrier.atMs });
      this.#claim(barrier.echoes);
    };
    if (invalidations.length === 0) return write();
    await telemetry.trace(
      'tidemark.apply',
      {
        'tidemark.from': region,
        'tidemark.events': invalidations.length,
        'tidemark.barrier': barrier !== null,
      },
      carriers.origin(),
      write,
    );
  }

  #claim(echoes: readonly Echo[]): void {
    const mine = echoes.find(({ life }) => life === this.#life);
    const sent = mine && this.#pings.echo(mine.ping);
    if (sent) this.#prove(sent.atMs, sent.note.hellos);
  }

  /**
   * A barrier that ends before the store's horizon proves nothing. Most of them were under way while
   * a resync overtook them. But one that echoes a ping from after that horizon was known is of a source
   * that went back, and asking it raises the era. Barriers of an older era are left alone: whoever still
   * sends them is of a server that was replaced, or else the silence will show it.
   */
  #doubt(region: RegionId, { to, echoes }: Barrier): void {
    if (to.era !== this.#told?.era) return;
    const mine = echoes.find(({ life }) => life === this.#life);
    const told = mine && this.#pings.echo(mine.ping)?.note.told;
    if (told && comparePositions(to, told) < 0) this.#noteGap(region, 'the source went back');
  }

  /** Everything acknowledged before `closedMs` is applied: tells the nodes whose pings came before. */
  #prove(closedMs: number, hellos: Hellos): void {
    const { runtime, telemetry } = this.#options;
    const metas = this.#partitions.map(({ meta }) => meta).filter((meta) => meta !== null);
    if (metas.length === 0) return;
    const whole = metas.length === this.#partitions.length;
    this.#provenAtMs = runtime.monoMs();
    if (whole) {
      telemetry.record({ type: 'staleness-bound', scope: 'region', ms: this.#provenAtMs - closedMs });
    }
    this.#hellos.answered(hellos);
    if (hellos.size === 0) return;
    const echoes = [...hellos].map(([life, ping]) => ({ life, ping }));
    const shown = metas.map(({ incarnation, lineage, revision }) => ({ incarnation, lineage, revision }));
    this.#feed.claim({ shown, whole, echoes });
  }

  /** Something of a stream may be missing: no partition can follow barriers. */
  #noteGap(region: RegionId, reason: string): void {
    for (const partition of this.#partitions) this.#openGap(partition, region, reason);
  }

  #openGap(partition: PartitionWriter, region: RegionId, reason: string): void {
    if (partition.open(reason)) this.#options.telemetry.record({ type: 'gap', from: region, reason });
  }

  async #resync(): Promise<void> {
    const { runtime, telemetry } = this.#options;
    const beganMs = runtime.monoMs();
    const hellos = this.#hellos.waiting();
    const gapped = this.#partitions.filter(({ gap }) => gap !== null);
    for (const partition of gapped) partition.begin();
    let changes = 0;
    let deadLetters = 0;
    let ok = false;
    try {
      await telemetry.trace(
        'tidemark.resync',
        { 'tidemark.reason': gapped[0]!.gap! },
        undefined,
        async () => {
          const done = await resync(gapped, this.#told, {
            source: this.#source,
            runtime,
            onApplied: (invalidations) => {
              changes += invalidations.length;
              this.#feed.invalidate(invalidations);
            },
            onDeadLetters: (letters) => (deadLetters += letters.length),
          });
          // A feed that is new to the nodes makes them start over. Nobody told them of what a dead letter
          // was about.
          const resolved = this.#deadLetters > 0 && deadLetters === 0;
          if (done?.startOver || resolved) this.#feed = new FeedWriter(this.#bus, runtime.randomId());
          if (done) this.#told = done.told;
        },
      );
      this.#sourceFailures = 0;
      this.#noteDeadLetters(deadLetters);
      ok = gapped.every(({ gap }) => gap === null);
      // The others have applied what the next barrier will tell, not what this snapshot showed.
      if (gapped.length === this.#partitions.length) this.#prove(beganMs, hellos);
    } catch {
      this.#sourceFailures += 1;
      for (const partition of gapped) partition.breakChain();
    }
    if (ok) this.#resyncFailures = 0;
    else {
      this.#resyncAtMs =
        runtime.monoMs() + backoffMs(runtime, this.#resyncFailures, RESYNC_RETRY_MS, RESYNC_RETRY_MAX_MS);
      this.#resyncFailures += 1;
    }
    telemetry.record({ type: 'resync', changes, ms: runtime.monoMs() - beganMs, ok });
  }

  #noteDeadLetters(open: number): void {
    if (open > 0) this.#noteGap('changelog', 'a change that can not be applied');
    if (open !== this.#deadLetters) this.#options.telemetry.record({ type: 'dead-letters', open });
    this.#deadLetters = open;
  }

  #observe(region: RegionId, { headers }: BusMessage, events: number): void {
    const { telemetry, runtime } = this.#options;
    telemetry.record({ type: 'apply', from: region, events });
    const sentAtMs = Number(headers?.[SENT_AT_HEADER]);
    if (sentAtMs > 0)
      telemetry.record({ type: 'propagation', from: region, ms: runtime.wallMs() - sentAtMs });
  }
}
