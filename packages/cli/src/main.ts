import { discardDeadLetters, type Duration, listDeadLetters } from '@tidemark/core';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { runAgent } from './agent.ts';
import { connectRegion } from './connect-region.ts';
import { eventLine, isNews, letterLine } from './event-lines.ts';
import { describeFailure, EXIT_USAGE, ExitError } from './failure.ts';
import { type PlaceFlags, placeOf, say, withPlace } from './place-flags.ts';
import { addSnapshotCommands } from './snapshot-command.ts';
import { addWarmCommands } from './warm-command.ts';

const ROLES = ['relay', 'applier'] as const;
type Role = (typeof ROLES)[number];

const EXIT_CODES = '\nExit codes: 0 done or ended by a signal, 1 failed, 2 wrong usage or configuration.\n';

/** Takes `relay,applier` as well as `--roles relay applier` and `--roles relay --roles applier`. */
function collectRoles(text: string, before: readonly Role[] = []): readonly Role[] {
  const roles = text.split(',').map((name) => {
    const role = ROLES.find((each) => each === name.trim());
    if (!role) throw new InvalidArgumentError(`Allowed choices are ${ROLES.join(', ')}.`);
    return role;
  });
  return [...new Set([...before, ...roles])];
}

interface AgentFlags extends PlaceFlags {
  readonly roles?: readonly Role[];
  readonly pingInterval?: Duration;
}

async function agent(flags: AgentFlags): Promise<void> {
  const { roles = ROLES, pingInterval } = flags;
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  await runAgent({
    ...placeOf(flags),
    relay: roles.includes('relay'),
    applier: roles.includes('applier'),
    ...(pingInterval !== undefined && { pingInterval }),
    signal: stopping.signal,
    onReady: () =>
      say(
        flags,
        { type: 'ready', region: flags.region, roles },
        `ready: offers ${roles.join(' and ')} in ${flags.region}`,
      ),
    onEvent(event) {
      if (isNews(event)) say(flags, event, eventLine(event));
    },
  });
}

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

function program(): Command {
  const root = new Command('tidemark')
    .description("Coherence of a region's caches, from the command line.")
    .exitOverride()
    .configureOutput({ outputError: () => {} }); // Said once, below.
  withPlace(root.command('agent'))
    .description("runs a region's roles without a service")
    .addOption(
      new Option('--roles <roles...>', 'what to offer: relay, applier, or both (default)').argParser(
        collectRoles,
      ),
    )
    .option('--ping-interval <duration>', 'how often freshness is proven anew (default: 500ms)')
    .addHelpText(
      'after',
      `${EXIT_CODES}\nExamples:\n  tidemark agent --regions regions/local --region eu-west --source shop\n  tidemark agent --regions /etc/tidemark/regions --region eu-west --source shop --roles applier --ping-interval 1s --json`,
    )
    .action(agent);
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
  addWarmCommands(root);
  addSnapshotCommands(root);
  return root;
}

/** @returns the exit code */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    await program().parseAsync([...argv]);
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0; // --help
    if (error instanceof ExitError) return error.exitCode; // All was said.
    const { line, exitCode } = describeFailure(error, argv.includes('--json'));
    process.stderr.write(`${line}\n`);
    return exitCode;
  }
}
