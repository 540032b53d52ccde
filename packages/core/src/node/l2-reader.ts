import { freezeTree, validate } from '../keyspace/codec.ts';
import type { MissReason } from '../ports/telemetry.ts';
import { judgeView } from '../protocol/copied-value.ts';
import type { StoredValue } from '../protocol/record.ts';
import { allows, type CacheConsistency, isUnproven } from './consistency.ts';
import type { FreshnessProof } from './freshness-proof.ts';
import type { KeyTrace } from './key-trace.ts';
import type { L1Cache } from './l1-cache.ts';
import type { L1Entries } from './l1-entries.ts';
import { isDue, type LoadTimes } from './load-times.ts';
import type { Miss } from './miss.ts';
import type { AnyKeyspace, ResolvedOptions } from './options.ts';
import { type Asker, type L2Answer, type L2Question, ManyQuestion, NO_ANSWERS } from './l2-question.ts';
import { ReadBatcher, type RecordAnswer } from './read-batcher.ts';
import type { ServedResult } from './read-result.ts';
import type { SeenFloors } from './seen-floors.ts';
import type { StoreCircuits } from './store-circuits.ts';

const READ_BATCH_MAX = 512;
const UNPROVEN = Number.NEGATIVE_INFINITY;

type Result = ServedResult;
export type WhyNot = MissReason;

interface Knowledge {
  readonly l1: L1Cache;
  readonly entries: L1Entries;
  readonly proof: FreshnessProof;
  readonly floors: SeenFloors;
  readonly times: LoadTimes;
  readonly trace: KeyTrace;
  readonly circuits: StoreCircuits | null;
}

/** Reads the region's store and judges what it answers by all that the node knows. */
export class L2Reader implements Asker {
  readonly #batcher: ReadBatcher | null;
  /** By schema version: what reads values that are kept beside a newer release's. */
  readonly #besides = new Map<number, ReadBatcher>();
  readonly #options: ResolvedOptions<unknown, unknown>;
  readonly #knowledge: Knowledge;
  readonly #failed: (operation: string, error?: unknown) => void;

  constructor(
    options: ResolvedOptions<unknown, unknown>,
    knowledge: Knowledge,
    failed: (operation: string, error?: unknown) => void,
  ) {
    this.#options = options;
    this.#knowledge = knowledge;
    this.#failed = failed;
    this.#batcher = knowledge.circuits && new ReadBatcher(knowledge.circuits, READ_BATCH_MAX);
  }

  /** Like `ask`, for a question that is called back: what depends on nothing needs no promise. */
  put(question: L2Question): void {
    const batcher = this.#batcher;
    if (!batcher || question.keyspace.dependsOn) this.#askFor(question);
    else batcher.add(question.put(this, this.#knowledge.proof.claims));
  }

  answered(question: L2Question): void {
    const { key, meta, record, claims } = question;
    const { proof, l1 } = this.#knowledge;
    // Whatever comes of this read, the node must not go back behind what it was told.
    if (record) l1.raise(key, record.tidemark);
    const value = record?.value;
    if (value && value.schema !== question.keyspace.schemaVersion) {
      this.#askFor(question, question);
      return;
    }
    if (value && value.dependencies.length > 0) {
      this.#askFor(question);
      return;
    }
    question.wentBack = meta !== null && proof.wentBack(meta, claims);
    question.settle(question);
  }

  refused(question: L2Question): void {
    this.#failed('read');
    question.settle(null);
  }

  #askFor(question: L2Question, first?: RecordAnswer): void {
    void this.ask(question, first).then((answer) => question.settle(answer));
  }

  /** One for each, in order: null when the store is away. */
  askMany(misses: readonly Miss[]): Promise<(L2Answer | null)[]> {
    return new Promise((resolve) => {
      let left = misses.length;
      if (left === 0) resolve([]);
      const done = (): void => {
        left -= 1;
        if (left === 0) resolve(questions.map(({ answer }) => answer));
      };
      const questions = misses.map((miss) => new ManyQuestion(miss, done));
      for (const question of questions) this.put(question);
    });
  }

  /**
   * Null when the store is away.
   *
   * @param first what the store has said already: another release's value. It is not asked for that again
   */
  async ask(
    { keyspace, params, key }: Pick<Miss, 'keyspace' | 'params' | 'key'>,
    first?: RecordAnswer,
  ): Promise<L2Answer | null> {
    const batcher = this.#batcher;
    const { proof } = this.#knowledge;
    const claims = proof.claims;
    const wentBack = ({ meta }: RecordAnswer): boolean => meta !== null && proof.wentBack(meta, claims);
    if (!batcher) return null;
    try {
      // Dependencies that are known beforehand travel in the same command.
      const known = keyspace.dependsOn?.(params) ?? [];
      const asked = new Map(known.map((each) => [each, batcher.read(each)]));
      // They may fail before anybody waits for them, and a rejection that nobody handles ends the process.
      for (const each of asked.values()) each.catch(() => {});
      const answer = await this.#readFor(keyspace, key, first ?? (await batcher.read(key)));
      // Whatever comes of this read, the node must not go back behind what it was told.
      if (answer.record) this.#knowledge.l1.raise(key, answer.record.tidemark);
      const made = answer.record?.value?.dependencies ?? [];
      if (made.length === 0) {
        await Promise.all(asked.values());
        return { ...answer, dependencies: NO_ANSWERS, wentBack: wentBack(answer) };
      }
      const dependencies = await Promise.all(
        made.map((each) => asked.get(each.key) ?? batcher.read(each.key)),
      );
      return { ...answer, dependencies, wentBack: wentBack(answer) || dependencies.some(wentBack) };
    } catch {
      this.#failed('read');
      return null;
    }
  }

  /** Another release's value stands where this one's may be beside it: a second question, only while both run. */
  async #readFor({ schemaVersion }: AnyKeyspace, key: string, first: RecordAnswer): Promise<RecordAnswer> {
    const { record } = first;
    if (!record?.value || record.value.schema === schemaVersion) return first;
    // A store that fails over between the questions may know less at the second one.
    this.#knowledge.l1.raise(key, record.tidemark);
    let beside = this.#besides.get(schemaVersion);
    if (!beside) {
      beside = new ReadBatcher(this.#knowledge.circuits!, READ_BATCH_MAX, schemaVersion);
      this.#besides.set(schemaVersion, beside);
    }
    return beside.read(key);
  }

  /**
   * The result when the store's answer may be served, else why not.
   *
   * @param lastResort whether what is kept for failed loads may be served
   */
  judge(miss: Miss, answer: L2Answer, consistency: CacheConsistency, lastResort = false): Result | WhyNot {
    const { keyspace, key } = miss;
    const { l1, entries, proof, floors, times, trace } = this.#knowledge;
    const { meta, record, nowMs: storeNowMs } = answer;
    const value = record?.value;
    if (!meta || !value) return 'absent';
    if (answer.wentBack) return 'rolled-back';
    const ageMs = Math.max(0, storeNowMs - value.filledAtMs);
    const freshness = judgeView(key, answer, answer.dependencies, keyspace.schemaVersion, keyspace.name);
    if (freshness !== 'fresh' && freshness !== 'stale') return freshness;
    const leftMs = value.freshMs - ageMs;
    if (!lastResort && leftMs <= -Math.min(value.staleMs, keyspace.staleMs)) return 'expired';
    const nowMs = this.#options.runtime.monoMs();
    let closedMs = proof.closedFor(meta);
    let shown = proof.shows(meta);
    const { dependencies } = value;
    for (let i = 0; i < dependencies.length; i += 1) {
      const dependency = dependencies[i]!;
      const watchers = answer.dependencies[i]!.meta!; // It was judged: there is one.
      if (floors.isOvertaken(dependency)) return 'seen-newer';
      closedMs = Math.min(closedMs, proof.closedFor(watchers));
      shown &&= proof.shows(watchers);
    }
    if (floors.isPast(key, value.version, value.scope)) return 'seen-newer';
    const boundMs = nowMs - closedMs;
    if (!allows(consistency, boundMs)) return 'unproven';
    const decoded = this.#decode(keyspace, key, value);
    if (!decoded) return 'schema';
    const freshUntilMs = nowMs + leftMs;
    if (shown && miss.ticket !== null) {
      const taken = l1.put(
        key,
        entries.make(keyspace, {
          value: decoded.value,
          version: value.version,
          scope: value.scope,
          nowMs,
          freshUntilMs,
          staleMs: value.staleMs,
          loadedAtMs: UNPROVEN,
          dependencies: value.dependencies,
        }),
        miss.ticket,
      );
      if (taken) trace.note(key, 'cached', value.version);
    }
    return {
      value: decoded.value,
      tier: 'l2',
      version: value.version,
      scope: value.scope,
      freshUntilMs,
      due: isDue(keyspace, leftMs, times, this.#options.runtime),
      dependencies: value.dependencies,
      stalenessBoundMs: boundMs,
      why: isUnproven(consistency, boundMs) ? 'unproven' : freshness,
    };
  }

  #decode(keyspace: AnyKeyspace, key: string, { data }: StoredValue): { readonly value: unknown } | null {
    if (data === null) return { value: null };
    try {
      return { value: freezeTree(validate(key, keyspace.schema, this.#options.codec.decode(data))) };
    } catch (error) {
      this.#failed('decode', error);
      return null; // Foreign or poisoned: as good as absent, and the fill replaces it.
    }
  }
}
