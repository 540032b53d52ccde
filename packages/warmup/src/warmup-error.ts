import { TidemarkError } from '@tidemark/core';

/** A warm-up that can't go on; says what to do. */
export class WarmupError extends TidemarkError {
  constructor(message: string, options?: ErrorOptions) {
    super('E_WARMUP', message, options);
  }
}
