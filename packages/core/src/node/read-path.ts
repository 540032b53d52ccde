import type { Params, ParamTypes } from '../keyspace/params.ts';
import { noTelemetry } from '../ports/telemetry.ts';
import type { Invalidation } from '../protocol/event.ts';
import { isScopeKey } from '../protocol/key.ts';
import type { StoreMeta } from '../protocol/record.ts';
import { maxVersion, VERSION_NONE, type Version } from '../protocol/version.ts';
import type { Claim } from '../protocol/wire.ts';
import { assertMayBypass, type CacheConsistency, type Consistency, needsVersion } from './consistency.ts';
import { CurrentReader } from './current-reader.ts';
import { FreshnessProof } from './freshness-proof.ts';
import { L1Cache, type L1Entry } from './l1-cache.ts';
import { L1Reader } from './l1-reader.ts';
import { type L2Answer, L2Reader } from './l2-reader.ts';
import { awaitFill } from './lease-wait.ts';
import { assertNotReplaced, type Loaded, Loader } from './loader.ts';
import type { Miss } from './miss.ts';
import type { AnyKeyspace, ResolvedOptions } from './options.ts';
import type { ServedResult } from './read-result.ts';
import { SeenFloors } from './seen-floors.ts';
import { SingleFlight } from './single-flight.ts';
import type { Counters } from './stats.ts';
import { lifetime, StoreFiller } from './store-filler.ts';

const UNPROVEN = Number.NEGATIVE_INFINITY;
const SEEN_FLOORS_MAX = 100_000;

type Result = ServedResult;

/** Cache-aside reads: L1, then L2, then one load. */
export class ReadPath {
  readonly l1: L1Cache;
  readonly proof = new FreshnessProof();
  /** Told of keys that were dropped from L1 because something rose. */
  onDrop: (key: string, version: Version) => void = () => {};
  readonly #floors = new SeenFloors(SEEN_FLOORS_MAX);
  readonly #flights = new SingleFlight<Result>();
  readonly #l1: L1Reader;
  readonly #l2: L2Reader;
  readonly #current: CurrentReader;
  readonly #loader: Loader;
  readonly #filler: StoreFiller;
  readonly #options: ResolvedOptions<unknown, unknown>;
  readonly #counters: Counters;
  readonly #observed: boolean;

  constructor(options: ResolvedOptions<unknown, unknown>, counters: Counters) {
    this.#options = options;
    this.#counters = counters;
    this.#observed = options.telemetry !== noTelemetry;
    // A node that shares its store hears of others' writes only through the feed.
    this.l1 = new L1Cache(options.l1EntriesMax, options.store === null && options.bus === null);
    this.#l1 = new L1Reader(options, this.l1, this.proof, counters, (miss, version) =>
      this.#revalidate(miss, version),
    );
    this.#loader = new Loader(options);
    this.#filler = new StoreFiller(options, counters);
    const knowledge = { l1: this.l1, proof: this.proof, floors: this.#floors };
    this.#l2 = new L2Reader(options, knowledge, (operation) => this.#filler.failed(operation));
    this.#current = new CurrentReader(
      options,
      this.l1,
      this.#l2,
      (miss, meta, version, notBeforeMs, alone) => {
        const tidemark = maxVersion(version, this.#floors.of(miss.key));
        const load = () => this.#load(miss, meta, 'below-tidemark', tidemark, false);
        return alone
          ? load()
          : this.#flights.do(miss.key, { notBeforeMs, tidemark }, options.runtime.monoMs(), load);
      },
    );
  }

  /** The entry that L1 may serve for this read, or undefined. Synchronous, no I/O. */
  hit(
    keyspace: AnyKeyspace,
    params: Params<ParamTypes>,
    key: string,
    consistency: Consistency,
  ): L1Entry | undefined {
    return this.#l1.hit(keyspace, params, key, consistency);
  }

  /** The L1 entry as a read result. */
  describe(entry: L1Entry, consistency: Consistency): Result {
    return this.#l1.describe(entry, consistency);
  }

  /** A read that L1 could not answer. */
  async miss(
    keyspace: AnyKeyspace,
    params: Params<ParamTypes>,
    key: string,
    consistency: Consistency,
  ): Promise<Result> {
    const miss: Miss = { keyspace, params, key, ticket: this.l1.ticket() };
    this.#counters.reads += 1;
    if (needsVersion(consistency)) {
      const result = await this.#current.read(miss, consistency);
      if (result.tier !== 'source') this.#counters[result.tier === 'l1' ? 'l1Hits' : 'l2Hits'] += 1;
      if (this.#observed) this.#record(keyspace, result.tier, result.why);
      return result;
    }
    const answer = await this.#l2.ask(miss);
    const found = answer === null ? 'store-down' : this.#l2.judge(miss, answer, consistency);
    if (typeof found === 'object') {
      this.#counters.l2Hits += 1;
      if (found.why === 'stale') this.#revalidate(miss, found.version ?? VERSION_NONE);
      if (this.#observed) this.#record(keyspace, 'l2', found.why);
      return found;
    }
    if (this.#observed) this.#record(keyspace, 'source', found);
    return this.#loadOnce(miss, answer, found, consistency);
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
    const misses = keys.map((key, i): Miss => ({
      keyspace,
      params: params[i]!,
      key,
      ticket: this.l1.ticket(),
    }));
    this.#counters.reads += keys.length;
    const answers = await Promise.all(misses.map((miss) => this.#l2.ask(miss)));
    const results = answers.map((answer, i): Result | null => {
      const found = answer && this.#l2.judge(misses[i]!, answer, consistency);
      if (found === 'unproven')
        assertMayBypass(keys[i]!, consistency, this.#options.runtime.monoMs() - this.proof.closedMs);
      return typeof found === 'object' ? found : null;
    });
    const absent = misses.map((_, i) => i).filter((i) => results[i] === null);
    this.#counters.l2Hits += keys.length - absent.length;
    await this.#loadMany(misses, answers, absent, consistency === 'eventual', results);
    return results as Result[];
  }

  /** Loads in one batch; what a replica was too late for, in another one from the primary. */
  async #loadMany(
    misses: readonly Miss[],
    answers: readonly (L2Answer | null)[],
    absent: readonly number[],
    mayLag: boolean,
    results: (Result | null)[],
  ): Promise<void> {
    if (absent.length === 0) return;
    this.#counters.loads += absent.length;
    const loaded = await this.#loader.load({
      keyspace: misses[0]!.keyspace,
      keys: absent.map((i) => misses[i]!.key),
      params: absent.map((i) => misses[i]!.params),
      needs: absent.map((i) => this.#known(misses[i]!.key, answers[i] ?? null)),
      mayLag: mayLag && absent.every((i) => answers[i]?.meta && !answers[i].wentBack),
    });
    await Promise.all(
      absent.map(async (i, at) => {
        results[i] = await this.#settle(misses[i]!, answers[i]?.meta ?? null, loaded[at]!, null, 'absent');
      }),
    );
    const late = absent.filter((i) => results[i] === null);
    await this.#loadMany(misses, answers, late, false, results);
  }

  /** Somebody invalidated these keys. */
  raise(invalidations: readonly Invalidation[]): void {
    const nowMs = this.#options.runtime.monoMs();
    for (const { key, version } of invalidations) {
      if (isScopeKey(key)) {
        this.reset(this.l1.ticket() !== null);
      } else {
        this.#flights.part(key);
        // A dependent's own version does not rise; nothing is known of it but that it must be loaded.
        this.l1.raise(key, version, (dropped) =>
          this.onDrop(dropped, dropped === key ? version : VERSION_NONE),
        );
      }
      if (!this.#floors.raise(key, version, nowMs)) {
        // Too much news since the last claim to remember it all: start over, unproven.
        this.reset(this.l1.ticket() !== null);
        this.proof.drop();
      }
    }
  }

  /** Loads what was just written here from the primary, and fills the own region with it. */
  async renew(
    keyspace: AnyKeyspace,
    params: Params<ParamTypes>,
    key: string,
    version: Version,
  ): Promise<Loaded | null> {
    const miss: Miss = { keyspace, params, key, ticket: this.l1.ticket() };
    const token = this.#options.runtime.randomId();
    const meta = (await this.#l2.ask(miss))?.meta ?? null;
    // Readers that miss meanwhile wait for this fill.
    const lease = meta && (await this.#filler.lease(key, token)) ? token : null;
    this.#counters.loads += 1;
    const request = { keyspace, keys: [key], params: [params], needs: [version], mayLag: false };
    const [loaded] = await this.#loader.load(request);
    await this.#settle(miss, meta, loaded!, lease, 'below-tidemark');
    return loaded!;
  }

  /** Brings a key back into L1: from another process' fill, or by loading it. */
  async refresh(
    keyspace: AnyKeyspace,
    params: Params<ParamTypes>,
    key: string,
    version: Version,
  ): Promise<void> {
    const miss: Miss = { keyspace, params, key, ticket: this.l1.ticket() };
    const terms = { notBeforeMs: UNPROVEN, tidemark: version };
    await this.#flights.do(key, terms, this.#options.runtime.monoMs(), async () => {
      const answer = await this.#l2.ask(miss);
      const found = answer && this.#l2.judge(miss, answer, 'eventual');
      if (found && typeof found === 'object') return found;
      const known = maxVersion(version, this.#known(key, answer));
      return this.#load(miss, answer?.meta ?? null, 'below-tidemark', known, answer?.wentBack !== true);
    });
    if (this.l1.get(key) !== undefined) return;
    // A claim came while it was loaded: the store's word on it is worth more than this node's memory.
    const answer = await this.#l2.ask(miss);
    if (answer) this.#l2.judge(miss, answer, 'eventual');
  }

  /** The region proved that all before `sentAtMs` is applied. */
  accept(claim: Claim, sentAtMs: number): void {
    // What L1 took while nothing was proven may come from a partition that this claim leaves out.
    if (!claim.whole && this.proof.closedMs === UNPROVEN) this.reset(this.l1.ticket() !== null);
    this.proof.accept(claim, sentAtMs);
    // A claim that leaves partitions out says nothing of their keys.
    if (claim.whole) this.#floors.forget(sentAtMs);
  }

  /** Drops the L1; takes entries from now on only if `open`. */
  reset(open: boolean): void {
    this.l1.reset(open);
    this.#flights.partAll();
  }

  /** Highest version that this node knows for the key: nothing below it may be served. */
  #known(key: string, answer: L2Answer | null): Version {
    return maxVersion(answer?.record?.tidemark ?? VERSION_NONE, this.#floors.of(key));
  }

  async #loadOnce(
    miss: Miss,
    answer: L2Answer | null,
    why: Result['why'],
    consistency: CacheConsistency,
  ): Promise<Result> {
    const meta = answer?.meta ?? null;
    // What this reader saw in L2, it must not be served below: not by a load from before it either.
    const tidemark = this.#known(miss.key, answer);
    // In a store that went back nobody's fill is trusted: there is nothing to wait for.
    const abreast = answer?.wentBack !== true;
    const load = (mayLag: boolean) => this.#load(miss, meta, why, tidemark, mayLag && abreast);
    const nowMs = this.#options.runtime.monoMs();
    if (consistency === 'eventual') {
      const terms = { notBeforeMs: UNPROVEN, tidemark };
      return this.#flights.do(miss.key, terms, nowMs, () => load(true));
    }
    if (why === 'unproven') assertMayBypass(miss.key, consistency, nowMs - this.proof.closedMs);
    const terms = { notBeforeMs: nowMs - consistency.ms, tidemark };
    const joined = await this.#flights.do(miss.key, terms, nowMs, () => load(false));
    // A flight that an eventual reader began may have ended with another process' value.
    if (joined.stalenessBoundMs <= consistency.ms) return joined;
    return load(false);
  }

  /** @param mayLag whether another process' fill, or a replica, is good enough */
  async #load(
    miss: Miss,
    meta: StoreMeta | null,
    why: Result['why'],
    tidemark: Version,
    mayLag: boolean,
    mayWait = mayLag,
  ): Promise<Result> {
    const { key } = miss;
    const { store, runtime } = this.#options;
    const token = runtime.randomId();
    let leased = false;
    if (store && meta) {
      leased = await this.#filler.lease(key, token);
      if (!leased && mayWait) {
        const found = await awaitFill(this.#options, this.#l2, this.#filler, miss, token);
        if (typeof found === 'object') return found;
        leased = found;
      }
    }
    const lease = leased ? token : null;
    try {
      return (
        (await this.#loadAndSettle(miss, meta, why, tidemark, lease, mayLag)) ??
        (await this.#loadAndSettle(miss, meta, why, tidemark, lease, false))!
      );
    } catch (error) {
      if (leased) await this.#filler.release(key, token);
      throw error;
    }
  }

  async #loadAndSettle(
    miss: Miss,
    meta: StoreMeta | null,
    why: Result['why'],
    tidemark: Version,
    lease: string | null,
    mayLag: boolean,
  ): Promise<Result | null> {
    const { keyspace, key, params } = miss;
    this.#counters.loads += 1;
    const [loaded] = await this.#loader.load({
      keyspace,
      keys: [key],
      params: [params],
      needs: [tidemark],
      // Without the store's word nobody knows how far behind a replica is.
      mayLag: mayLag && meta !== null,
    });
    return this.#settle(miss, meta, loaded!, lease, why);
  }

  /**
   * Fills the tiers with what was loaded, as far as the rules admit it. Null when a replica was too
   * late: then the primary must be asked.
   */
  async #settle(
    miss: Miss,
    meta: StoreMeta | null,
    loaded: Loaded,
    lease: string | null,
    why: Result['why'],
  ): Promise<Result | null> {
    const { keyspace, key, ticket } = miss;
    const { runtime } = this.#options;
    const { value, label, dependencies, startedAtMs, origin, moved } = loaded;
    if (origin === 'primary') assertNotReplaced(key, meta, label);
    const { freshMs, staleMs } = lifetime(keyspace, value);
    const word = meta === null ? 'away' : await this.#filler.fill(keyspace, key, meta, loaded, lease);
    const overtaken = label
      ? [{ key, version: label.version, scope: label.scope }, ...dependencies].some((each) =>
          this.#floors.isOvertaken(each),
        )
      : this.#floors.heardSince(key, startedAtMs);
    if (origin === 'replica' && (word !== 'admitted' || overtaken)) return null;
    const provenMs = origin === 'primary' ? startedAtMs : UNPROVEN;
    if (label) this.l1.raise(key, label.version);
    // The store may be away, or have forgotten: this node's memory has to speak as well.
    const vouched = word !== 'refused' && !moved && this.#floors.remembersSince(startedAtMs);
    const nowMs = runtime.monoMs();
    if (vouched && !overtaken) {
      const entry: L1Entry = {
        value,
        version: label?.version ?? null,
        scope: label?.scope ?? 0,
        freshUntilMs: nowMs + freshMs,
        staleUntilMs: nowMs + freshMs + staleMs,
        loadedAtMs: provenMs,
        dependencies,
      };
      this.l1.put(key, entry, ticket);
    }
    return {
      value,
      tier: 'source',
      version: label?.version ?? null,
      scope: label?.scope ?? 0,
      dependencies,
      stalenessBoundMs: nowMs - provenMs,
      why,
      ...(moved && { moved }),
    };
  }

  #revalidate(miss: Miss, tidemark: Version): void {
    const nowMs = this.#options.runtime.monoMs();
    this.#flights
      .do(miss.key, { notBeforeMs: UNPROVEN, tidemark }, nowMs, async () => {
        const answer = await this.#l2.ask(miss);
        const known = maxVersion(tidemark, this.#known(miss.key, answer));
        return this.#load(miss, answer?.meta ?? null, 'expired', known, answer?.wentBack !== true, false);
      })
      .catch(() => {}); // The stale value was served; the next read tries again.
  }

  #record(keyspace: AnyKeyspace, tier: Result['tier'], why: Result['why']): void {
    this.#options.telemetry.record({ type: 'read', keyspace: keyspace.name, tier, why });
  }
}
