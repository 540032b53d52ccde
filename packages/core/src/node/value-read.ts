import type { Params, ParamTypes } from '../keyspace/params.ts';
import type { CacheConsistency } from './consistency.ts';
import type { Ticket } from './l1-cache.ts';
import { type L2Answer, L2Question } from './l2-question.ts';
import type { AnyKeyspace } from './options.ts';

/** A read whose caller wants the value alone: the question, the answer and the caller's promise, which is the only one. */
export class ValueRead extends L2Question {
  readonly consistency: CacheConsistency;
  readonly promise: Promise<unknown>;
  readonly #result: (read: ValueRead, answer: L2Answer | null) => unknown;
  #resolve!: (value: unknown) => void;
  #reject!: (error: unknown) => void;

  /** @param result the value of the read, or a promise of it */
  constructor(
    result: (read: ValueRead, answer: L2Answer | null) => unknown,
    consistency: CacheConsistency,
    keyspace: AnyKeyspace,
    params: Params<ParamTypes>,
    key: string,
    ticket: Ticket | null,
  ) {
    super(keyspace, params, key, ticket);
    this.#result = result;
    this.consistency = consistency;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  settle(answer: L2Answer | null): void {
    try {
      this.#resolve(this.#result(this, answer));
    } catch (error) {
      this.#reject(error);
    }
  }
}
