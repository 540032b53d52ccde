import { discardDeadLetters, listDeadLetters } from '@tidemark/core';
import { type Command, CommanderError } from 'commander';
import { connectRegion } from './connect-region.ts';
import { letterLine } from './event-lines.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { EXIT_USAGE } from './failure.ts';
import { type PlaceFlags, placeOf, say, withPlace } from './place-flags.ts';

async function list(flags: PlaceFlags): Promise<void> {
  const parts = await connectRegion(placeOf(flags));
  try {
    const letters = await listDeadLetters(parts);
    if (flags.json) say(flags, { letters }, '');
    else say(flags, null, letters.length === 0 ? 'no dead letters' : letters.map(letterLine).join('\n'));
  } finally {
    await parts.close();
  }
}

async function discard(flags: PlaceFlags & { readonly yes?: true }): Promise<void> {
  if (!flags.yes) {
    throw new CommanderError(
      EXIT_USAGE,
      'tidemark.yes',
      `error: this voids every cached value of ${flags.region}, which loads them anew; say --yes if that is meant`,
    );
  }
  const parts = await connectRegion(placeOf(flags));
  try {
    const open = await discardDeadLetters(parts);
    const text =
      open.length === 0
        ? 'discarded'
        : `${open.length} are still at the edge of the changelog; try again soon`;
    say(flags, { open }, text);
  } finally {
    await parts.close();
  }
}

/** Adds `dead-letters`. */
export function addDeadLettersCommands(root: Command): void {
  const letters = root.command('dead-letters').description("changes that the region can't apply");
  withPlace(letters.command('list'))
    .description('shows them, oldest first, with their cause')
    .addHelpText(
      'after',
      `${EXIT_CODES}\nExample:\n  tidemark dead-letters list --regions regions/local --region eu-west --source shop`,
    )
    .action(list);
  withPlace(letters.command('discard'))
    .description("gives them up: voids all of the region's cached values")
    .option('--yes', 'really')
    .addHelpText(
      'after',
      `${EXIT_CODES}\nExample:\n  tidemark dead-letters discard --regions regions/local --region eu-west --source shop --yes`,
    )
    .action(discard);
}
