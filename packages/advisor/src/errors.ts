import { TidemarkError } from '@tidemark/core';

/** A description of traffic that can't be meant. `field` is what to change in it; null: the whole of it. */
export class WorkloadError extends TidemarkError {
  readonly field: string | null;
  constructor(field: string | null, message: string, options?: ErrorOptions) {
    super('E_WORKLOAD', field === null ? message : `${field}: ${message}`, options);
    this.field = field;
  }
}

/** Metrics that can't be read, or say nothing that advice could rest on. */
export class MetricsError extends TidemarkError {
  constructor(message: string, options?: ErrorOptions) {
    super('E_METRICS', message, options);
  }
}
