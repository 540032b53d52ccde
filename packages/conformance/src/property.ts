import * as fc from 'fast-check';

// Unless told so, fast-check makes no list longer than about ten, whatever `maxLength` says: too short a
// history for anything to overflow, expire or be forgotten.
fc.configureGlobal({ defaultSizeToMaxWhenMaxSpecified: true });

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
export function runs<T extends unknown[] | [unknown]>(
  numRuns: number,
  more: fc.Parameters<T> = {},
): fc.Parameters<T> {
  const seed = wholeNumber('TIDEMARK_FC_SEED');
  const path = process.env['TIDEMARK_FC_PATH'];
  return {
    ...more,
    numRuns: wholeNumber('TIDEMARK_FC_RUNS') ?? numRuns,
    ...(seed !== null && { seed }),
    ...(path !== undefined && { path }),
  };
}

/**
 * Any character that a string of JavaScript can hold, lone surrogates and NUL among them, and often one that
 * separates, escapes, quotes or ends something somewhere. (fast-check's own unit `binary` takes seconds to make.)
 */
export const anyUnit: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '%',
    ':',
    '{',
    '}',
    ' ',
    '\n',
    '\0',
    '\\',
    '"',
    "'",
    '.',
    '*',
    '>',
    '=',
    '\uD800',
    '\uDFFF',
  ),
  fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
  fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
  fc.integer({ min: 0x1_0000, max: 0x10_ffff }).map((code) => String.fromCodePoint(code)),
);

/** Null when it is not set. A word in its place must not pass for the default. */
function wholeNumber(name: string): number | null {
  const text = process.env[name];
  if (text === undefined || text === '') return null;
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Error(`${name}=${text} is not a whole number`);
  return value;
}
