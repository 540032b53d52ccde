import { createInterface } from 'node:readline/promises';
import { CommanderError } from 'commander';
import { EXIT_USAGE, ExitError } from './failure.ts';

/** Nothing was done: whoever was asked said no. */
export const EXIT_DECLINED = 4;

/** Whom to ask. */
export interface Terminal {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/**
 * Asks on a terminal; elsewhere `--yes` must have been said.
 *
 * @throws ExitError when the answer is no
 */
export async function confirm(
  { yes, json }: { readonly yes?: true; readonly json?: true },
  what: string,
  { input, output }: Terminal = { input: process.stdin, output: process.stderr },
): Promise<void> {
  if (yes) return;
  if (json === true || input.isTTY !== true || output.isTTY !== true) {
    throw new CommanderError(EXIT_USAGE, 'tidemark.yes', `error: ${what}; say --yes if that is meant`);
  }
  // On stderr: stdout is for the answer.
  const asking = createInterface({ input, output });
  try {
    const answer = await asking.question(`${what}. Really? [y/N] `);
    if (/^y(es)?$/i.test(answer.trim())) return;
  } finally {
    asking.close();
  }
  output.write('nothing was done\n');
  throw new ExitError(EXIT_DECLINED);
}
