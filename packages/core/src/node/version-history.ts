import type { Params, ParamTypes } from '../keyspace/params.ts';
import { ConfigurationError, FormatError } from '../ports/errors.ts';
import { PIN_BYTES_MAX, type PinSource } from '../ports/pins.ts';
import type { Committed, SourceOfTruth } from '../ports/source.ts';
import type { Store } from '../ports/store.ts';
import { compareVersions, type Version } from '../protocol/version.ts';
import { type KeyHistory, keyHistory, rollbackTarget } from './key-history.ts';
import type { AnyKeyspace, ResolvedOptions } from './options.ts';
import type { WritePath } from './write-path.ts';

/** A value that a key can go back to; plain data. */
export interface RetainedVersion {
  readonly version: Version;
  /** When this region's store got it, ms on the store's own clock. */
  readonly filledAtMs: number;
  /** Encoded length; null: the key had no value then. */
  readonly bytes: number | null;
  /** Whether this is what readers get now. */
  readonly current: boolean;
}

export interface RollbackOptions {
  /** One of `versions()`. Default: the one before what readers get now. */
  readonly to?: Version;
}

/** Earlier values of single keys, and the way back to them. */
export class VersionHistory {
  readonly #options: ResolvedOptions<unknown, unknown>;
  readonly #writes: WritePath;

  constructor(options: ResolvedOptions<unknown, unknown>, writes: WritePath) {
    this.#options = options;
    this.#writes = writes;
  }

  async versions(keyspace: AnyKeyspace, params: Params<ParamTypes>): Promise<RetainedVersion[]> {
    const { retained, shown } = await this.#look(keyspace, keyspace.key(params));
    return retained.map(({ version, filledAtMs, data }) => ({
      version,
      filledAtMs,
      bytes: data && data.byteLength,
      current: compareVersions(version, shown) === 0,
    }));
  }

  async rollback(
    keyspace: AnyKeyspace,
    params: Params<ParamTypes>,
    { to }: RollbackOptions,
  ): Promise<Committed<{ readonly version: Version }>> {
    const key = keyspace.key(params);
    const { pins } = this.#parts(keyspace);
    const history = await this.#look(keyspace, key);
    const target = rollbackTarget(key, history, to);
    const { data, schema, version } = target;
    if (data) this.#check(key, data);
    const content = { origin: version.n, schema, data };
    const { invalidations } = await this.#writes.commit(() => pins.pin(key, content, history.latest.n));
    return { value: { version }, invalidations };
  }

  #look(keyspace: AnyKeyspace, key: string): Promise<KeyHistory> {
    return keyHistory(this.#parts(keyspace), key, keyspace.schemaVersion);
  }

  /** What is pinned is served in every region: it must be sound. */
  #check(key: string, data: Uint8Array): void {
    if (data.byteLength > PIN_BYTES_MAX) {
      throw new FormatError(
        `${key} has ${data.byteLength} bytes, at most ${PIN_BYTES_MAX} can be rolled back`,
      );
    }
    this.#options.codec.decode(data);
  }

  #parts(keyspace: AnyKeyspace): {
    readonly store: Store;
    readonly source: SourceOfTruth;
    readonly pins: PinSource;
  } {
    const { store, source } = this.#options;
    if (keyspace.retain === 0 || !store || !source?.pins)
      throw new ConfigurationError(`keyspace ${keyspace.name} keeps no earlier values; give it retain`);
    return { store, source, pins: source.pins };
  }
}
