import { TidemarkError } from '@tidemark/core';
import { RegionError } from '@tidemark/regions';
import { CommanderError } from 'commander';

const EXIT_FAILED = 1;
/** What was given can't be meant. */
const BAD_INPUT: ReadonlySet<string> = new Set([
  'E_CONFIGURATION',
  'E_KEY',
  'E_TRACK_TABLE',
  'E_TRACK_COLUMN',
  'E_TRACK_KEYSPACE',
  'E_WORKLOAD',
]);
export const EXIT_USAGE = 2;
export const EXIT_INTERRUPTED = 130;

/** Ends the command with a code other than 0, when its output has said why. */
export class ExitError extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`exit code ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/** What to say of an error, and the exit code. As JSON it is one object on one line. */
export function describeFailure(
  error: unknown,
  json: boolean,
): { readonly line: string; readonly exitCode: number } {
  const { code, message, exitCode } = classify(error);
  if (json) return { line: JSON.stringify({ error: { code, message } }), exitCode };
  const isCoded = error instanceof RegionError || error instanceof TidemarkError;
  return { line: isCoded ? `${code}: ${message}` : `error: ${message}`, exitCode };
}

function classify(error: unknown): {
  readonly code: string;
  readonly message: string;
  readonly exitCode: number;
} {
  if (error instanceof CommanderError) {
    return { code: 'E_USAGE', message: error.message.replace(/^error: /, ''), exitCode: EXIT_USAGE };
  }
  if (error instanceof RegionError) return { code: error.code, message: error.message, exitCode: EXIT_USAGE };
  if (error instanceof TidemarkError) {
    const exitCode = BAD_INPUT.has(error.code) ? EXIT_USAGE : EXIT_FAILED;
    return { code: error.code, message: error.message, exitCode };
  }
  const message = error instanceof Error ? error.message : String(error);
  // Postgres: a login that is refused, a database that is not there.
  if (/^(28|3D)[0-9A-Z]{3}$/.test(String((error as { code?: unknown } | null)?.code))) {
    return { code: 'E_CONFIGURATION', message, exitCode: EXIT_USAGE };
  }
  return { code: 'E_UNEXPECTED', message, exitCode: EXIT_FAILED };
}
