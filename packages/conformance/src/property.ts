import type { Parameters } from 'fast-check';

/**
 * How often a property runs, and where it starts. A failure prints a seed and a path:
 *
 *   TIDEMARK_FC_SEED=-1234 TIDEMARK_FC_PATH=17:0:3 npx vitest run path/of/test -t 'its name'
 *
 * `TIDEMARK_FC_RUNS=100000` runs every property that often, for a long search.
 *
 * @param numRuns when the environment says nothing
 * @param more further parameters, above all `examples`: failures of the past, which run first
 */
export function runs<T>(numRuns: number, more: Parameters<T> = {}): Parameters<T> {
  const seed = wholeNumber('TIDEMARK_FC_SEED');
  const path = process.env['TIDEMARK_FC_PATH'];
  return {
    ...more,
    numRuns: wholeNumber('TIDEMARK_FC_RUNS') ?? numRuns,
    ...(seed !== null && { seed }),
    ...(path !== undefined && { path }),
  };
}

/** Null when it is not set. A word in its place must not pass for the default. */
function wholeNumber(name: string): number | null {
  const text = process.env[name];
  if (text === undefined || text === '') return null;
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Error(`${name}=${text} is not a whole number`);
  return value;
}
