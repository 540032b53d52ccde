import pLimit, { type LimitFunction } from 'p-limit';
import { deepFreeze, validate } from '../keyspace/codec.ts';
import type { LoadContext } from '../keyspace/keyspace.ts';
import type { Params, ParamTypes } from '../keyspace/params.ts';
import { LoadTimeoutError, OverloadedError } from '../ports/errors.ts';
import type { SourceOfTruth } from '../ports/source.ts';
import type { Position } from '../protocol/position.ts';
import type { Version } from '../protocol/version.ts';
import type { AnyKeyspace, ResolvedOptions } from './options.ts';

/** Parameters of some keyspace; `AnyKeyspace` has erased which. */
type LoadParams = Params<ParamTypes>;

/** Labels of a value that was read from the source after them. */
export interface LoadLabel {
  readonly version: Version;
  readonly scope: number;
  readonly asOf: Position;
}

export interface Loaded {
  /** Validated and frozen; null when the source has nothing. */
  readonly value: unknown;
  /** Null without a source of versions. */
  readonly label: LoadLabel | null;
  /** When the load began, on the node's monotonic clock: the value is no older. */
  readonly startedAtMs: number;
}

/** Reads the source: labels first, then values, bounded in number and time. */
export class Loader {
  readonly #source: SourceOfTruth | null;
  readonly #options: ResolvedOptions<unknown, unknown>;
  readonly #limit: LimitFunction;

  constructor(options: ResolvedOptions<unknown, unknown>) {
    this.#source = options.source;
    this.#options = options;
    this.#limit = pLimit(options.loadConcurrencyMax);
  }

  /** @throws OverloadedError, LoadTimeoutError, SchemaError, and whatever the loader throws */
  async load(keyspace: AnyKeyspace, key: string, params: LoadParams): Promise<Loaded> {
    const [loaded] = await this.#run(keyspace, [key], async (context) => [
      await keyspace.load(params, context),
    ]);
    return loaded!;
  }

  /** One batched load. Only for keyspaces with `loadMany`. */
  loadMany(keyspace: AnyKeyspace, keys: readonly string[], params: readonly LoadParams[]): Promise<Loaded[]> {
    return this.#run(keyspace, keys, (context) => keyspace.loadMany!(params, context));
  }

  async #run(
    keyspace: AnyKeyspace,
    keys: readonly string[],
    read: (context: LoadContext<unknown>) => Promise<readonly unknown[]>,
  ): Promise<Loaded[]> {
    const { telemetry, runtime, loadConcurrencyMax, loadQueueMax } = this.#options;
    const waiting = this.#limit.activeCount + this.#limit.pendingCount - loadConcurrencyMax;
    if (waiting >= loadQueueMax) throw new OverloadedError(waiting);
    return this.#limit(() =>
      telemetry.trace(
        'tidemark.load',
        { 'tidemark.keyspace': keyspace.name, 'tidemark.keys': keys.length },
        undefined,
        async () => {
          const startedAtMs = runtime.monoMs();
          let ok = false;
          try {
            const loaded = await this.#read(keyspace, keys, read, startedAtMs);
            ok = true;
            return loaded;
          } finally {
            telemetry.record({
              type: 'load',
              keyspace: keyspace.name,
              ms: runtime.monoMs() - startedAtMs,
              ok,
            });
          }
        },
      ),
    );
  }

  async #read(
    keyspace: AnyKeyspace,
    keys: readonly string[],
    read: (context: LoadContext<unknown>) => Promise<readonly unknown[]>,
    startedAtMs: number,
  ): Promise<Loaded[]> {
    const source = this.#source;
    const { labels, values } = await this.#withTimeout(keys[0]!, async (signal) => {
      // Version first: a label may be too old, never too new.
      const labels = source ? await source.labels(keys) : null;
      return { labels, values: await read({ db: source?.db, signal }) };
    });
    return keys.map((key, i) => {
      const raw = values[i] ?? null;
      const value = raw === null ? null : deepFreeze(validate(key, keyspace.schema, raw));
      const label = labels && { version: labels.versions[i]!, scope: labels.scopes[i]!, asOf: labels.asOf };
      return { value, label, startedAtMs };
    });
  }

  async #withTimeout<T>(key: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { runtime, loadTimeoutMs } = this.#options;
    const controller = new AbortController();
    return new Promise<T>((resolve, reject) => {
      const timer = runtime.timer(loadTimeoutMs, () => {
        const error = new LoadTimeoutError(key, loadTimeoutMs);
        controller.abort(error);
        reject(error);
      });
      work(controller.signal)
        .finally(() => timer.cancel())
        .then(resolve, reject);
    });
  }
}
