import pLimit, { type LimitFunction } from 'p-limit';
import { deepFreeze, validate } from '../keyspace/codec.ts';
import type { LoadContext } from '../keyspace/keyspace.ts';
import type { Params, ParamTypes } from '../keyspace/params.ts';
import { LoadTimeoutError, OverloadedError, SourceReplacedError } from '../ports/errors.ts';
import type { SourceOfTruth, SourceReader } from '../ports/source.ts';
import type { Label } from '../protocol/dependency.ts';
import type { Position } from '../protocol/position.ts';
import type { StoreMeta } from '../protocol/record.ts';
import { compareVersions, type Version } from '../protocol/version.ts';
import { checkDependencies, isSameLabel, LabelBook } from './label-book.ts';
import type { KeyTrace } from './key-trace.ts';
import type { LoadTimes } from './load-times.ts';
import type { AnyKeyspace, ResolvedOptions } from './options.ts';
import { SourceCircuit } from './source-circuit.ts';
import { livePin } from './key-history.ts';

/** Parameters of some keyspace; `AnyKeyspace` has erased which. */
type LoadParams = Params<ParamTypes>;

/** Labels of a value that was read from the source after them. */
export interface LoadLabel {
  readonly version: Version;
  readonly scope: number;
  readonly asOf: Position;
}

/** Labels that were asked for after a load. */
export interface Moved {
  readonly own: Label;
  readonly dependencies: readonly Label[];
}

export interface Loaded {
  /** Validated and frozen; null when the source has nothing. */
  readonly value: unknown;
  /** Null without a source of versions. */
  readonly label: LoadLabel | null;
  /** What the value was made from, besides its own key. */
  readonly dependencies: readonly Label[];
  /** When the load began, on the node's monotonic clock. */
  readonly startedAtMs: number;
  /** A value from the primary is no older than the start of its load; a replica proves nothing. */
  readonly origin: 'primary' | 'replica';
  /** Whether the value is known to be of exactly the label's version, and not older or newer. */
  readonly exact: boolean;
  /**
   * Labels after the load, when any of them had moved: the value may be as new as they say, and is not
   * cached. Null when none had, or when nobody asked (`exactLabels`).
   */
  readonly moved: Moved | null;
}

/** What is loaded. Batches are for keyspaces with `loadMany`. */
export interface LoadRequest {
  readonly keyspace: AnyKeyspace;
  readonly keys: readonly string[];
  readonly params: readonly LoadParams[];
  /** For each key: a replica that labels it below this has not seen a write that is known here. */
  readonly needs: readonly Version[];
  /** Whether a replica may be asked. */
  readonly mayLag: boolean;
}

type Index = number;
type LoadedHere = Omit<Loaded, 'startedAtMs'>;
const NO_DEPENDENCIES: readonly Label[] = [];

/** Reads the source: labels first, then values, bounded in number and time. */
export class Loader {
  readonly #source: SourceOfTruth | null;
  readonly #options: ResolvedOptions<unknown, unknown>;
  readonly #limit: LimitFunction;
  readonly #circuit: SourceCircuit;
  readonly #times: LoadTimes;
  readonly #trace: KeyTrace;

  constructor(options: ResolvedOptions<unknown, unknown>, times: LoadTimes, trace: KeyTrace) {
    this.#source = options.source;
    this.#options = options;
    this.#limit = pLimit(options.loadConcurrencyMax);
    this.#circuit = new SourceCircuit(options);
    this.#times = times;
    this.#trace = trace;
  }

  /** Loads that wait for their turn. */
  get waiting(): number {
    return this.#limit.pendingCount;
  }

  /**
   * One for each key, in order.
   *
   * @throws OverloadedError, CircuitOpenError, LoadTimeoutError, SchemaError, and whatever the loader throws
   */
  async load(request: LoadRequest): Promise<Loaded[]> {
    const { telemetry, runtime, loadConcurrencyMax, loadQueueMax } = this.#options;
    const { keyspace, keys } = request;
    this.#circuit.assertMayBegin(keyspace.name);
    const waiting = this.#limit.activeCount + this.#limit.pendingCount - loadConcurrencyMax;
    if (waiting >= loadQueueMax) throw new OverloadedError(waiting);
    return this.#limit(() =>
      telemetry.trace(
        'tidemark.load',
        { 'tidemark.keyspace': keyspace.name, 'tidemark.keys': keys.length },
        undefined,
        async () => {
          const startedAtMs = runtime.monoMs();
          for (const key of keys) this.#trace.note(key, 'load-began', null);
          let ok = false;
          try {
            const loaded = await this.#circuit.run(keyspace.name, () =>
              this.#withTimeout(keys[0]!, (signal) => this.#read(request, signal)),
            );
            ok = true;
            loaded.forEach(({ label }, i) =>
              this.#trace.note(keys[i]!, 'load-ended', label?.version ?? null),
            );
            return loaded.map((each) => ({ ...each, startedAtMs }));
          } finally {
            const ms = runtime.monoMs() - startedAtMs;
            if (ok) this.#times.add(keyspace.name, ms);
            telemetry.record({ type: 'load', keyspace: keyspace.name, ms, ok });
          }
        },
      ),
    );
  }

  /** What a replica can't answer safely, or at all, the primary is asked for. */
  async #read(request: LoadRequest, signal: AbortSignal): Promise<LoadedHere[]> {
    const source = this.#source;
    const all = request.keys.map((_, i): Index => i);
    const loaded = new Map<Index, LoadedHere>();
    if (!source) {
      await this.#readFrom(null, 'primary', request, all, signal, loaded);
    } else if (request.mayLag && source.replica && request.keyspace.retain === 0) {
      await source.replica
        .use((reader) => this.#readFrom(reader, 'replica', request, all, signal, loaded))
        .catch(() => loaded.clear()); // Down, promoted, or its replay cancelled the query.
      signal.throwIfAborted();
    }
    const rest = all.filter((i) => !loaded.has(i));
    if (rest.length > 0) await this.#readFrom(source, 'primary', request, rest, signal, loaded);
    return all.map((i) => loaded.get(i)!);
  }

  async #readFrom(
    reader: SourceReader<unknown> | null,
    origin: Loaded['origin'],
    { keyspace, keys, params, needs }: LoadRequest,
    wanted: readonly Index[],
    signal: AbortSignal,
    loaded: Map<Index, LoadedHere>,
  ): Promise<void> {
    // Version first: a label may be too old, never too new.
    const book = reader && new LabelBook((asked) => reader.labels(asked));
    const fixed = new Map<Index, readonly string[]>();
    for (const i of wanted) {
      const dependencies = keyspace.dependsOn?.(params[i]!) ?? [];
      checkDependencies(keys[i]!, dependencies);
      fixed.set(i, dependencies);
    }
    await book?.note(wanted.flatMap((i) => [keys[i]!, ...fixed.get(i)!]));
    const taken =
      origin === 'replica'
        ? wanted.filter((i) => compareVersions(book!.of(keys[i]!).version, needs[i]!) >= 0)
        : wanted;
    if (taken.length === 0) return;
    const found = new Set<string>();
    const context: LoadContext<unknown> = {
      db: reader?.db,
      signal,
      async depend(...dependencies) {
        checkDependencies(keys[taken[0]!]!, [...found, ...dependencies]);
        await book?.note(dependencies);
        for (const dependency of dependencies) found.add(dependency);
      },
    };
    const pins = await this.#pinned(keyspace, taken, keys, book);
    const values = await valuesOf(
      keyspace,
      taken.filter((i) => !pins.has(i)).map((i) => params[i]!),
      context,
    );
    const after = book && (this.#options.exactLabels || keyspace.retain > 0) ? await book.again() : null;
    let at = 0;
    taken.forEach((i) => {
      const key = keys[i]!;
      const pinned = pins.has(i);
      const raw = (pinned ? pins.get(i) : values[at++]) ?? null;
      const dependencies = new Set([...fixed.get(i)!, ...found]);
      checkDependencies(key, [...dependencies]);
      const made = book ? [...dependencies].map((each) => book.of(each)) : NO_DEPENDENCIES;
      const still = book !== null && after !== null && isSameLabel(book.of(key), after.get(key));
      loaded.set(i, {
        value: raw === null ? null : deepFreeze(validate(key, keyspace.schema, raw)),
        label: book && { ...book.of(key), asOf: book.asOf },
        dependencies: made,
        origin,
        exact: !pinned && still,
        moved:
          after !== null && !(still && made.every((each) => isSameLabel(each, after.get(each.key))))
            ? { own: after.get(key)!, dependencies: made.map((each) => after.get(each.key)!) }
            : null,
      });
    });
  }

  /** Contents that rollbacks gave some of the keys; the loader is not asked for those. */
  async #pinned(
    keyspace: AnyKeyspace,
    wanted: readonly Index[],
    keys: readonly string[],
    book: LabelBook | null,
  ): Promise<ReadonlyMap<Index, unknown>> {
    const found = new Map<Index, unknown>();
    if (keyspace.retain === 0 || !book) return found;
    // After the labels: what is pinned at or above a label is at least as new.
    const pins = await this.#source!.pins!.read(wanted.map((i) => keys[i]!));
    wanted.forEach((i, at) => {
      const pin = livePin(pins[at] ?? null, book.of(keys[i]!).version);
      // A pin of another schema says nothing to this one.
      if (pin?.schema !== keyspace.schemaVersion) return;
      found.set(i, pin.data && this.#options.codec.decode(pin.data));
    });
    return found;
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

async function valuesOf(
  keyspace: AnyKeyspace,
  params: readonly LoadParams[],
  context: LoadContext<unknown>,
): Promise<readonly unknown[]> {
  if (params.length <= 1 || !keyspace.loadMany) {
    return Promise.all(params.map((each) => keyspace.load(each, context)));
  }
  return keyspace.loadMany(params, context);
}

/**
 * Whether the loaded value may have come from a server that its region has left behind.
 * @throws SourceReplacedError then
 */
export function assertNotReplaced(key: string, meta: StoreMeta | null, label: LoadLabel | null): void {
  if (meta && label && label.asOf.era < meta.horizon.era) {
    throw new SourceReplacedError(key, label.asOf.era, meta.horizon.era);
  }
}
