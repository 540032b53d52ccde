import type { Params, ParamTypes } from '../keyspace/params.ts';
import type { StoredRecord, StoreMeta } from '../protocol/record.ts';
import type { Ticket } from './l1-cache.ts';
import type { Miss } from './miss.ts';
import type { AnyKeyspace } from './options.ts';
import type { RecordAnswer, Waiter } from './read-batcher.ts';

/** What the store says about a key, and about all that its value was made from. */
export interface L2Answer extends RecordAnswer {
  /** One for each dependency of the value, in its order. */
  readonly dependencies: readonly RecordAnswer[];
  /** The store, or a part that watches a dependency, lost what this node was promised. */
  readonly wentBack: boolean;
}

export const NO_ANSWERS: readonly RecordAnswer[] = [];

/** Who puts questions to the store. */
export interface Asker {
  answered(question: L2Question): void;
  refused(question: L2Question): void;
}

/**
 * A read that asks the store, and later what it said: one object from the miss to the result, since at full load
 * garbage is what a read costs.
 */
export abstract class L2Question implements Miss, Waiter, L2Answer {
  readonly keyspace: AnyKeyspace;
  readonly params: Params<ParamTypes>;
  readonly key: string;
  readonly ticket: Ticket | null;
  meta: StoreMeta | null = null;
  record: StoredRecord | null = null;
  nowMs = 0;
  readonly dependencies = NO_ANSWERS;
  wentBack = false;
  /** How many claims there had been when it was asked. */
  claims = 0;
  #asker: Asker | null = null;

  constructor(keyspace: AnyKeyspace, params: Params<ParamTypes>, key: string, ticket: Ticket | null) {
    this.keyspace = keyspace;
    this.params = params;
    this.key = key;
    this.ticket = ticket;
  }

  /** Null when the store is away. Must not throw. */
  abstract settle(answer: L2Answer | null): void;

  put(asker: Asker, claims: number): this {
    this.#asker = asker;
    this.claims = claims;
    return this;
  }

  resolve(meta: StoreMeta | null, record: StoredRecord | null, nowMs: number): void {
    this.meta = meta;
    this.record = record;
    this.nowMs = nowMs;
    this.#asker!.answered(this);
  }

  reject(): void {
    this.#asker!.refused(this);
  }
}

/** Several that are answered together. */
export class ManyQuestion extends L2Question {
  readonly #done: () => void;
  answer: L2Answer | null = null;

  constructor({ keyspace, params, key, ticket }: Miss, done: () => void) {
    super(keyspace, params, key, ticket);
    this.#done = done;
  }

  settle(answer: L2Answer | null): void {
    this.answer = answer;
    this.#done();
  }
}
