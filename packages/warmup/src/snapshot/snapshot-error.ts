import { TidemarkError } from '@tidemark/core';

/** A file that is no snapshot, or that can't be trusted. */
export class SnapshotError extends TidemarkError {
  constructor(message: string, options?: ErrorOptions) {
    super('E_SNAPSHOT', message, options);
  }
}
