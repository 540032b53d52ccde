/** A region file, or a set of them, that can't be used. `code` is stable. */
export class RegionError extends Error {
  readonly code = 'E_REGION';
  /** The file concerned, or the folder when the set as a whole is wrong. */
  readonly path: string;

  constructor(path: string, message: string, options?: ErrorOptions) {
    super(`${path}: ${message}`, options);
    this.name = 'RegionError';
    this.path = path;
  }
}
