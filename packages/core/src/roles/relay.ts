import { HistoryGoneError } from '../ports/errors.ts';
import type { Bus, Subscription } from '../ports/bus.ts';
import type { Runtime } from '../ports/runtime.ts';
import type { ChangePage, Leadership, SourceOfTruth } from '../ports/source.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { Echo, Invalidation } from '../protocol/event.ts';
import { comparePositions, type Position } from '../protocol/position.ts';
import { compareVersions, type Version } from '../protocol/version.ts';
import { decodeMessage, ECHOES_MAX, encodeMessage, MESSAGE_EVENTS_MAX } from '../protocol/wire.ts';
import { SENT_AT_HEADER } from '../node/publisher.ts';
import { backoffMs, sleep } from '../runtime/sleep.ts';
import { Wakeup } from '../runtime/wakeup.ts';

/** Safety net: the changelog is looked at this often when nobody pokes. */
const POLL_MS = 100;
const CAMPAIGN_MS = 1_000;
const PAGE_MAX = 5_000;
const CURSOR_SAVE_MS = 5_000;
/** Edge rows are published again after this, so that tombstones of a stuck horizon stay alive. */
const REPUBLISH_MS = 20_000;
const PUBLISHED_MAX = 100_000;
/** Failed appends in a row after which another candidate may try from its region. */
const FAILURES_MAX = 5;
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 1_000;
/** After this long without a message the relay appends an empty barrier: so it learns that it can't. */
const PROBE_MS = 2_000;
const CURSOR_NAME = 'relay';

interface RelayOptions {
  readonly runtime: Runtime;
  readonly telemetry: Telemetry;
}

/**
 * Publishes what the changelog says to its region's stream, followed by a barrier. Any number may
 * run; normally the one that leads in the source does.
 */
export class Relay {
  readonly #source: SourceOfTruth;
  readonly #bus: Bus;
  readonly #options: RelayOptions;
  readonly #wakeup: Wakeup;
  readonly #stopping = new AbortController();
  /** Latest ping of each asker that was not echoed yet. */
  readonly #pings = new Map<string, number>();
  #running: Promise<void> = Promise.resolve();

  constructor(source: SourceOfTruth, bus: Bus, options: RelayOptions) {
    this.#source = source;
    this.#bus = bus;
    this.#options = options;
    this.#wakeup = new Wakeup(options.runtime);
  }

  start(): void {
    this.#running = this.#campaign();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wakeup.wake();
    await this.#running;
  }

  async #campaign(): Promise<void> {
    const { runtime, telemetry } = this.#options;
    const { signal } = this.#stopping;
    for (let failures = 0; !signal.aborted;) {
      try {
        const leadership = await this.#source.lead(CURSOR_NAME);
        if (leadership) {
          telemetry.record({ type: 'role', role: 'relay', leading: true });
          try {
            await this.#hold(leadership);
          } finally {
            telemetry.record({ type: 'role', role: 'relay', leading: false });
          }
        }
        failures = 0;
      } catch {
        failures += 1;
      }
      // Jitter keeps candidates apart; one that failed lets the others go first.
      const leastMs = failures > 0 ? 2 * CAMPAIGN_MS : CAMPAIGN_MS / 2;
      await sleep(runtime, leastMs + backoffMs(runtime, failures, CAMPAIGN_MS, 8 * CAMPAIGN_MS), signal);
    }
  }

  async #hold(leadership: Leadership): Promise<void> {
    try {
      await this.#lead(leadership);
    } finally {
      await leadership.resign();
    }
  }

  /** Returns when stopped, when leadership is lost, or when the region's stream can't be reached. */
  async #lead(leadership: Leadership): Promise<void> {
    const subscriptions: Subscription[] = [];
    try {
      for (const region of this.#bus.regions) {
        subscriptions.push(await this.#bus.listen(region, 'poke', () => this.#wakeup.wake()));
        subscriptions.push(await this.#bus.listen(region, 'ping', ({ data }) => this.#onPing(data)));
      }
      const term = new RelayTerm(this.#source, this.#bus, this.#options, this.#stopping.signal);
      await term.begin();
      while (!this.#stopping.signal.aborted && !leadership.lost.aborted) {
        // Before the snapshot: an echo promises what was committed before its ping.
        const echoes = this.#takePings();
        await term.turn(echoes);
        await this.#wakeup.wait(POLL_MS);
      }
      if (!leadership.lost.aborted) await term.saveCursor();
    } finally {
      await Promise.all(subscriptions.map((subscription) => subscription.stop()));
    }
  }

  #onPing(data: string): void {
    const decoded = decodeMessage(data);
    if (!decoded.ok || decoded.message.kind !== 'ping') return;
    const { life, ping } = decoded.message;
    if (this.#pings.size >= ECHOES_MAX && !this.#pings.has(life)) return; // It pings again.
    this.#pings.set(life, Math.max(ping, this.#pings.get(life) ?? 0));
    this.#wakeup.wake();
  }

  #takePings(): Echo[] {
    const echoes = [...this.#pings].map(([life, ping]) => ({ life, ping }));
    this.#pings.clear();
    return echoes;
  }
}

/** One life of a relay: dense numbers from 1, and what it published since its horizon. */
class RelayTerm {
  readonly #source: SourceOfTruth;
  readonly #bus: Bus;
  readonly #options: RelayOptions;
  readonly #signal: AbortSignal;
  readonly #life: string;
  #seq = 0;
  #horizon: Position = { era: 0, xid: 0 };
  #published = new Map<string, Version>();
  #publishedSinceMs = 0;
  #savedAtMs = 0;
  #appendedAtMs = Number.NEGATIVE_INFINITY;

  constructor(source: SourceOfTruth, bus: Bus, options: RelayOptions, signal: AbortSignal) {
    this.#source = source;
    this.#bus = bus;
    this.#options = options;
    this.#signal = signal;
    this.#life = options.runtime.randomId();
  }

  async begin(): Promise<void> {
    const saved = await this.#source.loadCursor(CURSOR_NAME);
    this.#horizon = saved ?? (await this.#source.changes(null, { limit: PAGE_MAX })).horizon;
    this.#savedAtMs = this.#options.runtime.monoMs();
  }

  /** One look at the changelog: all of it on the stream, then a barrier. */
  async turn(echoes: readonly Echo[]): Promise<void> {
    try {
      await this.#publishSince(echoes);
    } catch (error) {
      if (!(error instanceof HistoryGoneError)) throw error;
      // What is gone can't be published. The next barrier begins at a new horizon, so that every region
      // which has not heard of it sees a gap.
      this.#horizon = (await this.#source.changes(null, { limit: PAGE_MAX })).horizon;
    }
  }

  async #publishSince(echoes: readonly Echo[]): Promise<void> {
    const { runtime } = this.#options;
    const since = this.#horizon;
    if (runtime.monoMs() - this.#publishedSinceMs > REPUBLISH_MS || this.#published.size > PUBLISHED_MAX) {
      this.#published = new Map();
      this.#publishedSinceMs = runtime.monoMs();
    }
    const first = await this.#source.changes(since, { limit: PAGE_MAX });
    let published = await this.#publishNew(first.changes);
    for (let page: ChangePage = first; page.next && !this.#signal.aborted;) {
      page = await this.#source.changes(since, { limit: PAGE_MAX, after: page.next });
      published += await this.#publishNew(page.changes);
    }
    if (this.#signal.aborted) return;
    const moved = comparePositions(first.horizon, since) !== 0;
    const quiet = runtime.monoMs() - this.#appendedAtMs > PROBE_MS;
    if (moved || published > 0 || echoes.length > 0 || quiet) {
      // Across eras nothing chains: a barrier from the new era's horizon makes every region resync.
      const from = first.horizon.era === since.era ? since : first.horizon;
      const barrier = { from, to: first.horizon, atMs: first.atMs, echoes };
      this.#seq += 1;
      const data = encodeMessage({ kind: 'barrier', life: this.#life, seq: this.#seq, barrier });
      const append = () => this.#append(data);
      // Most barriers close nothing; they come several times a second, and are nobody's.
      if (published === 0) await append();
      else {
        const about = { 'tidemark.events': published };
        await this.#options.telemetry.trace('tidemark.barrier', about, undefined, append);
      }
    }
    this.#horizon = first.horizon;
    if (moved) this.#forgetFinal();
    if (moved && runtime.monoMs() - this.#savedAtMs > CURSOR_SAVE_MS) await this.saveCursor();
  }

  async saveCursor(): Promise<void> {
    this.#savedAtMs = this.#options.runtime.monoMs();
    await this.#source.saveCursor(CURSOR_NAME, this.#horizon);
  }

  /** Rows at the edge come with every snapshot; each version goes out once. */
  async #publishNew(changes: readonly Invalidation[]): Promise<number> {
    const fresh = changes.filter(({ key, version }) => {
      const known = this.#published.get(key);
      return !known || compareVersions(version, known) > 0;
    });
    for (let start = 0; start < fresh.length; start += MESSAGE_EVENTS_MAX) {
      const invalidations = fresh.slice(start, start + MESSAGE_EVENTS_MAX);
      this.#seq += 1;
      const data = encodeMessage({ kind: 'changes', life: this.#life, seq: this.#seq, invalidations });
      await this.#options.telemetry.trace(
        'tidemark.relay',
        { 'tidemark.events': invalidations.length },
        undefined,
        () => this.#append(data),
      );
      for (const { key, version } of invalidations) this.#published.set(key, version);
    }
    return fresh.length;
  }

  /** Repeats a message until it is acknowledged: readers drop the copies by its number. */
  async #append(data: string): Promise<void> {
    const { runtime, telemetry } = this.#options;
    for (let failures = 0; ; failures += 1) {
      try {
        const headers = { ...telemetry.inject(), [SENT_AT_HEADER]: String(runtime.wallMs()) };
        await this.#bus.append({ data, headers });
        this.#appendedAtMs = runtime.monoMs();
        return;
      } catch (error) {
        if (failures >= FAILURES_MAX || this.#signal.aborted) throw error;
        await sleep(runtime, backoffMs(runtime, failures, RETRY_FIRST_MS, RETRY_MAX_MS), this.#signal);
      }
    }
  }

  /** With the horizon, most of what was published can't come back; what does goes out once more. */
  #forgetFinal(): void {
    this.#published = new Map();
    this.#publishedSinceMs = this.#options.runtime.monoMs();
  }
}
