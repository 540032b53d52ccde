import type { Committed } from './source.ts';
import { TidemarkError } from './errors.ts';

/** Encoded bytes of a value that may be pinned. */
export const PIN_BYTES_MAX = 1_048_576;

/** The content that a rollback gave a key, instead of what its loader would read. */
export interface Pin {
  /** Version `n` of the key that the rollback made. The next ordinary write is above it. */
  readonly n: number;
  /** Version `n` that the content was first of. */
  readonly origin: number;
  /** Version of the keyspace's schema that encoded the content. */
  readonly schema: number;
  /** The encoded value, or null: the key goes back to having none. */
  readonly data: Uint8Array | null;
}

/** Rollbacks of single keys in the system of record, so that they survive every cache. */
export interface PinSource {
  /**
   * The latest pin of each key, dead or alive, in the order asked. Read it after the labels: a pin
   * at or above a label is a right answer for it, whatever came since.
   */
  read(keys: readonly string[]): Promise<(Pin | null)[]>;
  /**
   * Bumps the key and stores the content with its new version, in one transaction. Refused unless
   * `expected` is the key's version `n`.
   *
   * @throws RollbackConflictError
   */
  pin(key: string, content: Omit<Pin, 'n'>, expected: number): Promise<Committed<void>>;
}

/** The value to go back to is not kept any more, or there is none. */
export class VersionGoneError extends TidemarkError {
  readonly key: string;
  constructor(key: string, wanted: string) {
    super(
      'E_VERSION_GONE',
      `${key} can't go back to ${wanted}: versions() lists what is kept in this region`,
    );
    this.key = key;
  }
}

/** The key was written, or rolled back, while this rollback was under way. */
export class RollbackConflictError extends TidemarkError {
  readonly key: string;
  constructor(key: string) {
    super('E_ROLLBACK_CONFLICT', `${key} changed while it was rolled back; look at it, then roll back again`);
    this.key = key;
  }
}
