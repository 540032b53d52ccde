import {
  type Fill,
  type FillVerdict,
  type Invalidation,
  type LeaseAnswer,
  type Position,
  type RetainedValue,
  type Store,
  type StoreAnswer,
  type StoreBatch,
  type StoreBatchResult,
  type StoreMeta,
  StoreUnavailableError,
  type Watch,
  type WatchAnswer,
} from '@tidemark/core';
import type { Life } from '../kernel/life.ts';
import type { Network } from '../kernel/network.ts';
import type { StoreOracle } from '../oracle/store-oracle.ts';
import type { StoreServer } from '../servers/store-server.ts';

/** One process' client of a store server. */
export class SimStore implements Store {
  readonly #life: Life;
  readonly #network: Network;
  readonly #server: StoreServer;
  readonly #oracle: StoreOracle;
  readonly #timeoutMs: number;

  constructor(life: Life, network: Network, server: StoreServer, oracle: StoreOracle, timeoutMs: number) {
    this.#life = life;
    this.#network = network;
    this.#server = server;
    this.#oracle = oracle;
    this.#timeoutMs = timeoutMs;
  }

  read(keys: readonly string[], schema?: number): Promise<StoreAnswer> {
    return this.#call('read', async () => {
      const answer = await this.#server.memory.read(keys, schema);
      this.#oracle.answered(keys, answer, schema);
      return answer;
    });
  }

  raise(invalidations: readonly Invalidation[]): Promise<void> {
    return this.#call('raise', () => {
      const done = this.#server.memory.raise(invalidations);
      this.#oracle.told(invalidations);
      return done;
    });
  }

  lease(key: string, token: string, ttlMs: number): Promise<LeaseAnswer> {
    return this.#call('lease', async () => {
      const answer = await this.#server.memory.lease(key, token, ttlMs);
      if (answer.granted) this.#oracle.leased(key, token, ttlMs);
      return answer;
    });
  }

  release(key: string, token: string): Promise<void> {
    return this.#call('release', () => {
      this.#oracle.released(key, token);
      return this.#server.memory.release(key, token);
    });
  }

  watch(watch: Watch): Promise<WatchAnswer> {
    return this.#call('watch', () => this.#server.memory.watch(watch));
  }

  fill(fill: Fill): Promise<FillVerdict> {
    return this.#call('fill', async () => {
      const verdict = await this.#server.memory.fill(fill);
      this.#oracle.filled(fill, verdict);
      return verdict;
    });
  }

  retain(
    key: string,
    value: Omit<RetainedValue, 'filledAtMs'>,
    keepMax: number,
    lifeMs: number,
  ): Promise<void> {
    return this.#call('retain', () => this.#server.memory.retain(key, value, keepMax, lifeMs));
  }

  retained(key: string): Promise<readonly RetainedValue[]> {
    return this.#call('retained', () => this.#server.memory.retained(key));
  }

  apply(batch: StoreBatch): Promise<StoreBatchResult> {
    return this.#call('apply', async () => {
      const done = await this.#server.memory.apply(batch);
      this.#oracle.told(batch.invalidations);
      this.#oracle.applied(done);
      return done;
    });
  }

  initialise(incarnation: string, horizon: Position, mark?: string): Promise<StoreMeta> {
    return this.#call('initialise', async () => {
      const meta = await this.#server.memory.initialise(incarnation, horizon, mark);
      this.#oracle.shows(meta);
      return meta;
    });
  }

  raiseEpoch(base: Position): Promise<void> {
    return this.#call('raiseEpoch', () => {
      this.#oracle.epochRaised();
      return this.#server.memory.raiseEpoch(base);
    });
  }

  claim(role: string, holder: string, ttlMs: number): Promise<boolean> {
    return this.#call('claim', () => this.#server.memory.claim(role, holder, ttlMs));
  }

  resign(role: string, holder: string): Promise<void> {
    return this.#call('resign', () => this.#server.memory.resign(role, holder));
  }

  async *keys(): AsyncGenerator<readonly string[]> {
    yield await this.#call('keys', async () => {
      const all: string[] = [];
      for await (const page of this.#server.memory.keys()) all.push(...page);
      return all;
    });
  }

  async close(): Promise<void> {}

  #call<T>(operation: string, execute: () => Promise<T>): Promise<T> {
    return this.#network.call(this.#life, {
      server: this.#server,
      operation,
      timeoutMs: this.#timeoutMs,
      unavailable: (why) => new StoreUnavailableError(why),
      repeatable: true,
      execute,
    });
  }
}
