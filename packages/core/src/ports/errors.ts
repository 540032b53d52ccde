/** Steps of a path into a value, and characters of each, that an error shows. */
const PATH_SHOWN_MAX = 8;
const STEP_SHOWN_MAX = 40;

/** Base of all errors that Tidemark raises on purpose. `code` is stable. */
export class TidemarkError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** Wrong configuration or arguments: a mistake in the program, found early. */
export class ConfigurationError extends TidemarkError {
  constructor(message: string, options?: ErrorOptions) {
    super('E_CONFIGURATION', message, options);
  }
}

/** A parameter that can't be part of a key. */
export class KeyError extends TidemarkError {
  readonly keyspace: string;
  constructor(keyspace: string, message: string) {
    super('E_KEY', message);
    this.keyspace = keyspace;
  }
}

/** Text or bytes from a peer or a store that are not in the expected format. */
export class FormatError extends TidemarkError {
  constructor(message: string, options?: ErrorOptions) {
    super('E_FORMAT', message, options);
  }
}

/** The region's store did not answer in time, or refused. Reads and writes go on without it. */
export class StoreUnavailableError extends TidemarkError {
  /** Somebody waited for an answer in vain; false when it was known at once. */
  readonly unanswered: boolean;
  constructor(
    message: string,
    { unanswered = false, ...options }: ErrorOptions & { readonly unanswered?: boolean } = {},
  ) {
    super('E_STORE_UNAVAILABLE', message, options);
    this.unanswered = unanswered;
  }
}

/**
 * The region's store was written by a later release than this process. It works as if the store were away,
 * and leaves the store and its applier role to processes of that release.
 */
export class StoreFormatError extends TidemarkError {
  constructor(message: string, options?: ErrorOptions) {
    super('E_STORE_FORMAT', message, options);
  }
}

/** The bus did not acknowledge in time. The relay will publish from the changelog. */
export class BusUnavailableError extends TidemarkError {
  constructor(message: string, options?: ErrorOptions) {
    super('E_BUS_UNAVAILABLE', message, options);
  }
}

/** The source of truth can't be reached. */
export class SourceUnavailableError extends TidemarkError {
  constructor(message: string, options?: ErrorOptions) {
    super('E_SOURCE_UNAVAILABLE', message, options);
  }
}

/** The changelog no longer reaches back to the asked position. */
export class HistoryGoneError extends TidemarkError {
  constructor(message: string, options?: ErrorOptions) {
    super('E_HISTORY_GONE', message, options);
  }
}

/** A load took longer than its timeout. */
export class LoadTimeoutError extends TidemarkError {
  readonly key: string;
  constructor(key: string, timeoutMs: number, option: 'loadTimeout' | 'hardTimeout' = 'loadTimeout') {
    super(
      'E_LOAD_TIMEOUT',
      `loading ${key} took longer than ${timeoutMs} ms; raise ${option} or make the load faster`,
    );
    this.key = key;
  }
}

/** A value is made from more keys than a reader can check; it was not cached. */
export class TooManyDependenciesError extends TidemarkError {
  readonly key: string;
  constructor(key: string, max: number) {
    super(
      'E_TOO_MANY_DEPENDENCIES',
      `${key} depends on more than ${max} keys; let it depend on a tag or on a whole keyspace instead`,
    );
    this.key = key;
  }
}

/** Too many loads wait for the source; this one was shed. */
export class OverloadedError extends TidemarkError {
  constructor(waiting: number) {
    super('E_OVERLOADED', `${waiting} loads already wait for the source; retry later, or raise loadQueueMax`);
  }
}

/**
 * Loads of this keyspace failed one after the other; the source is left alone until a probe succeeds. `cause` is
 * what failed last.
 */
export class CircuitOpenError extends TidemarkError {
  readonly keyspace: string;
  constructor(keyspace: string, cause: unknown) {
    super(
      'E_CIRCUIT_OPEN',
      `loads of ${keyspace} failed one after the other; it is tried again in a while, see the cause for what failed`,
      { cause },
    );
    this.keyspace = keyspace;
  }
}

/** A bounded read whose bound can't be proven, under the policy `fail`. */
export class StalenessUnprovenError extends TidemarkError {
  readonly key: string;
  readonly boundMs: number;
  constructor(key: string, boundMs: number, provenMs: number) {
    super(
      'E_STALENESS_UNPROVEN',
      `${key} can only be proven to be at most ${Math.round(provenMs)} ms old, and ${boundMs} ms were asked; ` +
        `read with whenUnproven: 'bypass', or with a larger bound`,
    );
    this.key = key;
    this.boundMs = boundMs;
  }
}

/** A session token that no node with these secrets has made, or of a format that this one can't read. */
export class SessionTokenError extends TidemarkError {
  constructor(what: 'form' | 'signature' | 'format') {
    super(
      'E_SESSION_TOKEN',
      `this is no session token of this service (${what}); go on without one, and check that all regions have the same sessionSecrets`,
    );
  }
}

/**
 * The source that this node asks is of an older life than the one that its region knows: a server that
 * was replaced, or one that was restored a moment ago. What it says may never have happened.
 */
export class SourceReplacedError extends TidemarkError {
  readonly key: string;
  constructor(key: string, era: number, knownEra: number) {
    super(
      'E_SOURCE_REPLACED',
      `${key} was loaded from a source of era ${era}, and the region knows era ${knownEra}: ` +
        `point this node at the current primary, or, after a restore, wait a few ping intervals`,
    );
    this.key = key;
  }
}

/** A value that the keyspace's schema rejects. */
export class SchemaError extends TidemarkError {
  readonly key: string;
  constructor(key: string, detail: string) {
    super('E_SCHEMA', `the value of ${key} does not match its schema: ${detail}`);
    this.key = key;
  }
}

/** A value that the codec can't carry unchanged: it was served, and not stored. */
export class ValueError extends TidemarkError {
  /** Where in the value: names of properties and indices. */
  readonly path: readonly (string | number)[];
  constructor(path: readonly (string | number)[], detail: string) {
    const where = path
      .slice(0, PATH_SHOWN_MAX)
      .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step.slice(0, STEP_SHOWN_MAX)}`));
    super('E_VALUE', `value${where.join('')}${path.length > PATH_SHOWN_MAX ? '…' : ''} ${detail}`);
    this.path = path;
  }
}

/** The node was closed. */
export class ClosedError extends TidemarkError {
  constructor() {
    super('E_CLOSED', 'this node is closed; start a new one');
  }
}
