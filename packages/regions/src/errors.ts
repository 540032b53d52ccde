/** What is wrong with a region file; stable, for programs. */
export type RegionErrorCode =
  /** The folder or a file can't be read, or is not JSON. */
  | 'E_REGION_UNREADABLE'
  /** A file does not fit `regions/schema.json`. */
  | 'E_REGION_INVALID'
  /** An endpoint refers to an environment variable that is not set. */
  | 'E_REGION_VARIABLE_MISSING'
  /** Two files describe the same region. */
  | 'E_REGION_DUPLICATE'
  /** The set has no home region, or several. */
  | 'E_REGION_HOME'
  /** A peer is unknown, missing, listed twice, or the region itself. */
  | 'E_REGION_PEER'
  /** Two regions disagree about the round trip between them. */
  | 'E_REGION_ROUND_TRIP'
  /** A question about a region that is not in the set. */
  | 'E_REGION_UNKNOWN';

/** A region file, or a set of them, that can't be used. The message starts with the file and the field. */
export class RegionError extends Error {
  readonly code: RegionErrorCode;
  /** The file concerned, or the folder when the set as a whole is wrong. */
  readonly path: string;
  /** Where in the file, such as `endpoints.redis`; null when the file as a whole is meant. */
  readonly field: string | null;

  constructor(
    code: RegionErrorCode,
    path: string,
    field: string | null,
    message: string,
    options?: ErrorOptions,
  ) {
    super(`${path}: ${field === null ? '' : `${field}: `}${message}`, options);
    this.name = 'RegionError';
    this.code = code;
    this.path = path;
    this.field = field;
  }
}
