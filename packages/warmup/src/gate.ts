import { ConfigurationError } from '@tidemark/core';

/** When a region is warm enough. */
export interface Gate {
  /** `coverage`: of the keys. `hit-rate`: of the reads that are known. */
  readonly what: 'coverage' | 'hit-rate';
  /** 0 to 1. */
  readonly atLeast: number;
}

/**
 * Reads `coverage=95%` or `hit-rate=0.9`.
 *
 * @throws ConfigurationError for anything else
 */
export function parseGate(text: string): Gate {
  const match = /^(coverage|hit-rate)=(\d+(?:\.\d+)?)(%?)$/.exec(text);
  const atLeast = match ? Number(match[2]) / (match[3] === '%' ? 100 : 1) : Number.NaN;
  if (!match || !(atLeast > 0 && atLeast <= 1)) {
    throw new ConfigurationError(
      `a gate is coverage=95% or hit-rate=0.9, from above 0 to 100%, not ${JSON.stringify(text)}`,
    );
  }
  return { what: match[1] as Gate['what'], atLeast };
}
