import type { Params, ParamTypes } from '../keyspace/params.ts';
import type { Carrier, NodeGauges } from '../ports/telemetry.ts';
import type { Invalidation } from '../protocol/event.ts';
import { isScopeKey } from '../protocol/key.ts';
import { maxVersion, VERSION_NONE, type Version } from '../protocol/version.ts';
import type { Claim } from '../protocol/wire.ts';
import { Causes } from './causes.ts';
import { assertMayBypass, type CacheConsistency, type Consistency, needsVersion } from './consistency.ts';
import { CurrentReader } from './current-reader.ts';
import { FreshnessProof } from './freshness-proof.ts';
import { KeyTrace } from './key-trace.ts';
import { L1Cache } from './l1-cache.ts';
import { L1Entries } from './l1-entries.ts';
import { L1Reader } from './l1-reader.ts';
import type { L2Answer } from './l2-question.ts';
import { L2Reader } from './l2-reader.ts';
import { LeaseLoader, type Wanted } from './lease-loader.ts';
import type { WaitTerms } from './lease-wait.ts';
import { LoadBatch } from './load-batch.ts';
import { LoadTimes } from './load-times.ts';
import { Loader } from './loader.ts';
import type { Miss } from './miss.ts';
import type { AnyKeyspace, ResolvedOptions } from './options.ts';
import type { ServedResult } from './read-result.ts';
import { knownVersion, Reloader } from './reloader.ts';
import { ReadTelemetry } from './read-telemetry.ts';
import { SeenFloors } from './seen-floors.ts';
import { SingleFlight } from './single-flight.ts';
import type { Counters } from './stats.ts';
import { seenIn, Settler } from './settler.ts';
import { StaleAnswers } from './stale-answers.ts';
import { StoreCircuits } from './store-circuits.ts';
import { StoreFiller } from './store-filler.ts';
import { ValueRead } from './value-read.ts';
import { preload } from './preload.ts';

const UNPROVEN = Number.NEGATIVE_INFINITY;

type Result = ServedResult;

const ANY_FILL: WaitTerms = { consistency: 'eventual', fresh: false };

const valueOf = (result: Result): unknown => result.value;

/** Cache-aside reads: L1, then L2, then one load. */
export class ReadPath {
  readonly l1: L1Cache;
  /** What L1 may serve: public, since each call on the way to it would cost hits a few percent. */
  readonly l1Reader: L1Reader;
  readonly proof = new FreshnessProof();
  /** What happened to keys after their invalidation. */
  readonly trace: KeyTrace;
  /** Null without a store. */
  readonly circuits: StoreCircuits | null;
  /** What nobody waits for. */
  readonly reloader: Reloader;
  /** Told of keys that were dropped from L1 because something rose. */
  onDrop: (key: string, version: Version) => void = () => {};
  /** Told of a key's hits of L1, some time after them. */
  onHits: (key: string, times: number) => void = () => {};
  /** Told of each read that L1 could not answer. */
  onMiss: (key: string) => void = () => {};
  readonly #causes = new Causes();
  readonly floors = new SeenFloors();
  readonly #flights = new SingleFlight<Result>();
  readonly #l2: L2Reader;
  readonly #current: CurrentReader;
  readonly #loader: Loader;
  readonly #filler: StoreFiller;
  readonly #settler: Settler;
  readonly #leaseLoader: LeaseLoader;
  readonly #stale: StaleAnswers;
  readonly #options: ResolvedOptions<unknown, unknown>;
  readonly #counters: Counters;
  readonly #telemetry: ReadTelemetry;

  constructor(options: ResolvedOptions<unknown, unknown>, counters: Counters) {
    this.#options = options;
    this.#counters = counters;
    this.#telemetry = new ReadTelemetry(options.telemetry);
    this.trace = new KeyTrace(() => options.runtime.monoMs());
    const { l1EntriesMax: entriesMax, l1BytesMax: bytesMax } = options;
    // A node that shares its store hears of others' writes only through the feed.
    const alone = options.store === null && options.bus === null;
    const onHits = (key: string, times: number): void => this.onHits(key, times);
    this.l1 = new L1Cache({ entriesMax, bytesMax, open: alone, onHits });
    const times = new LoadTimes();
    this.l1Reader = new L1Reader(
      options,
      { l1: this.l1, proof: this.proof, times, counters, onHits },
      (miss, entry) => void this.reloader.revalidate(miss, entry.version ?? VERSION_NONE, entry.freshUntilMs),
    );
    this.#loader = new Loader(options, times, this.trace);
    this.#filler = new StoreFiller(options, counters, this.#causes, this.trace);
    this.circuits = options.store && new StoreCircuits(options.store, options);
    const { l1, proof, trace, circuits } = this;
    const entries = new L1Entries(times);
    const knowledge = { l1, entries, proof, floors: this.floors, times, trace, circuits };
    this.#l2 = new L2Reader(options, knowledge, (operation, error) => this.#filler.failed(operation, error));
    this.#stale = new StaleAnswers(options, this.l1Reader, this.#l2, counters);
    this.#settler = new Settler(options, { ...knowledge, l2: this.#l2, filler: this.#filler });
    this.#leaseLoader = new LeaseLoader(options, {
      l2: this.#l2,
      loader: this.#loader,
      filler: this.#filler,
      settler: this.#settler,
      counters,
    });
    this.reloader = new Reloader(options, {
      ...knowledge,
      l2: this.#l2,
      flights: this.#flights,
      loader: this.#loader,
      filler: this.#filler,
      settler: this.#settler,
      leaseLoader: this.#leaseLoader,
      counters,
    });
    this.#current = new CurrentReader(
      options,
      this.l1,
      this.#l2,
      (miss, answer, version, notBeforeMs, alone) => {
        const tidemark = maxVersion(version, this.floors.of(miss.key));
        const seen = seenIn(answer, miss.keyspace.schemaVersion);
        const wanted = { miss, seen, why: 'below-tidemark', tidemark, mayLag: false, waits: null } as const;
        const load = () => this.#leaseLoader.load(wanted);
        return alone
          ? load()
          : this.#flights.do(miss.key, { notBeforeMs, tidemark }, options.runtime.monoMs(), load);
      },
    );
  }

  /** The value of a read that L1 could not answer; a hit of L2 costs this one promise. */
  missValue(
    keyspace: AnyKeyspace,
    params: Params<ParamTypes>,
    key: string,
    consistency: Consistency,
  ): Promise<unknown> {
    if (needsVersion(consistency) || this.#telemetry.traced)
      return this.miss(keyspace, params, key, consistency).then(valueOf);
    this.#count(key);
    const read = new ValueRead(this.#answered, consistency, keyspace, params, key, this.l1.ticket());
    this.#l2.put(read);
    return read.promise;
  }

  /** A read that L1 could not answer. */
  miss(
    keyspace: AnyKeyspace,
    params: Params<ParamTypes>,
    key: string,
    consistency: Consistency,
  ): Promise<Result> {
    const read = () => this.#miss(keyspace, params, key, consistency);
    return this.#telemetry.traced ? this.#telemetry.trace(keyspace, key, read) : read();
  }

  async #miss(
    keyspace: AnyKeyspace,
    params: Params<ParamTypes>,
    key: string,
    consistency: Consistency,
  ): Promise<Result> {
    const miss = this.#missed(keyspace, params, key);
    if (needsVersion(consistency)) {
      const result = await this.#current.read(miss, consistency);
      if (result.tier === 'l2') this.#counters.l2Hits += 1;
      if (result.tier === 'l1') {
        this.#counters.l1Hits += 1;
        this.#counters.l1Misses -= 1;
      }
      this.#telemetry.answered(keyspace, result.tier, result.why);
      return result;
    }
    return this.#answer(miss, await this.#l2.ask(miss), consistency);
  }

  readonly #answered = (read: ValueRead, answer: L2Answer | null): unknown => {
    const result = this.#answer(read, answer, read.consistency);
    return result instanceof Promise ? result.then(valueOf) : result.value;
  };

  /** What L2 answers, or a load. */
  #answer(
    miss: Miss,
    answer: L2Answer | null,
    consistency: CacheConsistency,
    load?: (wanted: Wanted) => Promise<Result>,
  ): Result | Promise<Result> {
    const found = answer === null ? 'store-down' : this.#l2.judge(miss, answer, consistency);
    if (typeof found === 'object') {
      this.#telemetry.hit(miss.keyspace, found.why, answer!);
      return this.#served(miss, found);
    }
    this.#telemetry.answered(miss.keyspace, 'source', found);
    return this.#loadOnce(miss, answer, found, consistency, load);
  }

  /** Several reads that L1 could not answer: one store command, one batched load. */
  async missMany(
    keyspace: AnyKeyspace,
    params: readonly Params<ParamTypes>[],
    keys: readonly string[],
    consistency: Consistency,
  ): Promise<Result[]> {
    if (!keyspace.loadMany || needsVersion(consistency)) {
      return Promise.all(keys.map((key, i) => this.miss(keyspace, params[i]!, key, consistency)));
    }
    const misses = keys.map((key, i) => this.#missed(keyspace, params[i]!, key));
    const answers = await this.#l2.askMany(misses);
    const batch = new LoadBatch(this.#leaseLoader);
    const load = (wanted: Wanted): Promise<Result> => batch.add(wanted);
    const results: Result[] = Array.from({ length: misses.length });
    const loading: Promise<void>[] = [];
    for (const [i, miss] of misses.entries()) {
      const result = this.#answer(miss, answers[i]!, consistency, load);
      if (result instanceof Promise) loading.push(result.then((loaded) => void (results[i] = loaded)));
      else results[i] = result;
    }
    batch.run();
    await Promise.all(loading);
    return results;
  }

  /** Somebody invalidated these keys. */
  raise(invalidations: readonly Invalidation[], carrier?: Carrier): void {
    this.#causes.note(invalidations, carrier);
    const nowMs = this.#options.runtime.monoMs();
    for (const { key, version } of invalidations) {
      if (isScopeKey(key)) {
        this.reset(this.l1.ticket() !== null);
      } else {
        this.trace.invalidated(key, version);
        this.#flights.part(key);
        this.l1.raise(key, version, (dropped) => {
          this.trace.note(dropped, 'dropped', null);
          // A dependent's own version does not rise; nothing is known of it but that it must be loaded.
          this.onDrop(dropped, dropped === key ? version : VERSION_NONE);
        });
      }
      if (!this.floors.raise(key, version, nowMs)) {
        // Too much news since the last claim to remember it all: start over, unproven.
        this.reset(this.l1.ticket() !== null);
        this.proof.drop();
      }
    }
  }

  /** Takes what the store has of these keys into L1; never loads. Returns how many L1 has then. */
  preload(keys: readonly string[]): Promise<number> {
    return preload(this.#options, this.l1, this.#l2, keys);
  }

  get gauges(): Omit<NodeGauges, 'stalenessBoundMs'> {
    const { size: l1Entries, bytes: l1Bytes, evictions: l1Evictions } = this.l1;
    return { l1Entries, l1Bytes, l1Evictions, loadsWaiting: this.#loader.waiting };
  }

  /** The region proved that all before `sentAtMs` is applied. */
  accept(claim: Claim, sentAtMs: number): void {
    // What L1 took while nothing was proven may come from a partition that this claim leaves out.
    if (!claim.whole && this.proof.closedMs === UNPROVEN) this.reset(this.l1.ticket() !== null);
    this.proof.accept(claim, sentAtMs);
    // A claim that leaves partitions out says nothing of their keys.
    const { runtime, loadTimeoutMs } = this.#options;
    if (claim.whole) this.floors.forget(sentAtMs, runtime.monoMs() - loadTimeoutMs);
  }

  /** Drops the L1; takes entries from now on only if `open`. */
  reset(open: boolean): void {
    this.l1.reset(open);
    this.#flights.partAll();
  }

  #count(key: string): void {
    this.#counters.l1Misses += 1;
    this.onMiss(key);
  }

  #missed(keyspace: AnyKeyspace, params: Params<ParamTypes>, key: string): Miss {
    this.#count(key);
    return { keyspace, params, key, ticket: this.l1.ticket() };
  }

  #served(miss: Miss, found: Result): Result {
    this.#counters.l2Hits += 1;
    if (found.why === 'stale') this.#counters.staleServes += 1;
    if (found.due) void this.reloader.revalidate(miss, found.version ?? VERSION_NONE, found.freshUntilMs);
    return found;
  }

  /** Joins a load of the key that is under way here, or begins one. */
  #loadOnce(
    miss: Miss,
    answer: L2Answer | null,
    why: Result['why'],
    consistency: CacheConsistency,
    load: (wanted: Wanted) => Promise<Result> = (wanted) => this.#leaseLoader.load(wanted),
  ): Promise<Result> {
    const loading = this.#join(miss, answer, why, consistency, load);
    return this.#stale.orStale(loading, miss, answer, consistency);
  }

  async #join(
    miss: Miss,
    answer: L2Answer | null,
    why: Result['why'],
    consistency: CacheConsistency,
    load: (wanted: Wanted) => Promise<Result>,
  ): Promise<Result> {
    // What this reader saw in L2, it must not be served below: not by a load from before it either.
    const tidemark = knownVersion(this.floors, miss.key, answer);
    // In a store that went back nobody's fill is trusted: there is nothing to wait for.
    const abreast = answer?.wentBack !== true;
    const wanted = { miss, seen: seenIn(answer, miss.keyspace.schemaVersion), why, tidemark };
    const nowMs = this.#options.runtime.monoMs();
    if (consistency === 'eventual') {
      const terms = { notBeforeMs: UNPROVEN, tidemark };
      return this.#flights.do(miss.key, terms, nowMs, () =>
        load({ ...wanted, mayLag: abreast, waits: abreast ? ANY_FILL : null }),
      );
    }
    if (why === 'unproven') assertMayBypass(miss.key, consistency, nowMs - this.proof.closedMs);
    const terms = { notBeforeMs: nowMs - consistency.ms, tidemark };
    const current: Wanted = { ...wanted, mayLag: false, waits: null };
    // While nothing is proven, neither is another process' fill.
    const waits = abreast && why !== 'unproven' ? { consistency, fresh: false } : null;
    const joined = await this.#flights.do(miss.key, terms, nowMs, () => load({ ...current, waits }));
    // A flight that an eventual reader began may have ended with another process' value.
    if (joined.stalenessBoundMs <= consistency.ms) return joined;
    return this.#leaseLoader.load(current);
  }
}
