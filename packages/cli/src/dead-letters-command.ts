import { discardDeadLetters, listDeadLetters } from '@tidemark/core';
import { type HeldLetter, meshLetters, type MeshLetters, replayLetter } from '@tidemark/inspect';
import { type Command, CommanderError } from 'commander';
import { confirm } from './confirm.ts';
import { connectRegion, FROM_AFAR } from './connect-region.ts';
import { letterLine } from './event-lines.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { EXIT_USAGE, ExitError } from './failure.ts';
import { told, withWrite, type WriteFlags, WRITING_CODES } from './invalidate-command.ts';
import {
  allReached,
  EXIT_INCOMPLETE,
  type MeshFlags,
  READING_CODES,
  withMesh,
  withOpenMesh,
} from './mesh-flags.ts';
import { paint, shown } from './paint.ts';
import { type PlaceFlags, placeOf, say, withPlace } from './place-flags.ts';

async function list(flags: PlaceFlags): Promise<void> {
  const parts = await connectRegion(placeOf(flags), FROM_AFAR);
  try {
    const letters = await listDeadLetters(parts);
    if (flags.json) say(flags, { letters }, '');
    else say(flags, null, letters.length === 0 ? 'no dead letters' : letters.map(letterLine).join('\n'));
  } finally {
    await parts.close();
  }
}

async function show(key: string | undefined, flags: MeshFlags): Promise<void> {
  const found = await withOpenMesh(flags, meshLetters);
  const letters = found.letters.filter(({ change }) => key === undefined || change.key === key);
  say(flags, { ...found, letters }, lettersText({ ...found, letters }));
  if (!allReached(found.regions)) throw new ExitError(EXIT_INCOMPLETE);
}

function lettersText({ letters, regions }: MeshLetters): string {
  const away = regions.flatMap((each) =>
    each.reachable ? [] : [`${paint.bold(each.region)}  ${paint.red('unreachable')}: ${each.reason}`],
  );
  return [...(letters.length === 0 ? ['no dead letters'] : letters.map(heldText)), ...away].join('\n');
}

function heldText(letter: HeldLetter): string {
  const { atMs, regions } = letter;
  const written = atMs === null ? '' : `  written ${new Date(atMs).toISOString()}\n`;
  return `${shown(letterLine(letter))}\n${written}  held: ${regions.join(', ')}\n  mend: tidemark dead-letters replay ${JSON.stringify(letter.change.key)} --as KEY; give up: tidemark dead-letters discard`;
}

interface ReplayFlags extends WriteFlags {
  readonly as?: string;
}

async function replay(key: string, flags: ReplayFlags): Promise<void> {
  const as = flags.as ?? key;
  await confirm(
    flags,
    `this takes ${JSON.stringify(key)} out of the changelog, and invalidates ${shown(as)} instead`,
  );
  await withOpenMesh(flags, async (mesh) => {
    await told(mesh, flags, await replayLetter(mesh, key, as), 'replayed as');
  });
}

async function discard(flags: PlaceFlags & { readonly yes?: true }): Promise<void> {
  if (!flags.yes) {
    throw new CommanderError(
      EXIT_USAGE,
      'tidemark.yes',
      `error: this voids every cached value of ${flags.region}, which loads them anew; say --yes if that is meant`,
    );
  }
  const parts = await connectRegion(placeOf(flags), FROM_AFAR);
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
  withMesh(letters.command('show'))
    .argument('[key]', 'only this one, as it stands in the changelog')
    .description('shows those of all regions: what they are, and whom they hold')
    .addHelpText(
      'after',
      `${READING_CODES}\nExample:\n  tidemark dead-letters show --regions regions/local --source shop`,
    )
    .action(show);
  withWrite(letters.command('replay'))
    .argument('<key>', 'the key of the letter, as show prints it')
    .description('mends one: takes it out of the changelog, and invalidates the key that was meant')
    .option('--as <key>', 'the key that was meant (default: the same, with a new version)')
    .addHelpText(
      'after',
      `${WRITING_CODES}
Needs the Postgres role that ran the migration, in the address of a region's file.

Example:
  tidemark dead-letters replay 'Product:7' --as product:7 --regions regions/local --source shop --yes`,
    )
    .action(replay);
  withPlace(letters.command('discard'))
    .description("gives them up: voids all of the region's cached values")
    .option('--yes', 'really')
    .addHelpText(
      'after',
      `${EXIT_CODES}\nExample:\n  tidemark dead-letters discard --regions regions/local --region eu-west --source shop --yes`,
    )
    .action(discard);
}
