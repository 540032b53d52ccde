import { discardDeadLetters, listDeadLetters, TidemarkError } from '@tidemark/core';
import { RegionError } from '@tidemark/regions';
import { Command, CommanderError, Option } from 'commander';
import { runAgent } from './agent.ts';
import { connectRegion } from './connect-region.ts';
import { eventLine, isNews, letterLine } from './event-lines.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

interface PlaceFlags {
  readonly regions: string;
  readonly region: string;
  readonly source: string;
  readonly json?: true;
}

const EXIT_CODES = '\nExit codes: 0 done or ended by a signal, 1 failed, 2 wrong usage or configuration.\n';

function withPlace(command: Command): Command {
  return command
    .requiredOption('--regions <dir>', 'folder of region files')
    .requiredOption('--region <id>', 'the region')
    .requiredOption('--source <name>', "name of the source of truth, as the services' bus and store have it")
    .option('--json', 'JSON on stdout, one document a line');
}

function say(flags: { readonly json?: true }, data: unknown, text: string): void {
  process.stdout.write(`${flags.json ? JSON.stringify(data) : text}\n`);
}

async function agent(flags: PlaceFlags & { readonly roles: readonly string[] }): Promise<void> {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  await runAgent({
    dir: flags.regions,
    id: flags.region,
    source: flags.source,
    relay: flags.roles.includes('relay'),
    applier: flags.roles.includes('applier'),
    signal: stopping.signal,
    onReady: () =>
      say(
        flags,
        { type: 'ready', region: flags.region, roles: flags.roles },
        `ready: offers ${flags.roles.join(' and ')} in ${flags.region}`,
      ),
    onEvent(event) {
      if (isNews(event)) say(flags, event, eventLine(event));
    },
  });
}

async function list(flags: PlaceFlags): Promise<void> {
  const parts = await connectRegion({ dir: flags.regions, id: flags.region, source: flags.source });
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
  const parts = await connectRegion({ dir: flags.regions, id: flags.region, source: flags.source });
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
      new Option('--roles <roles...>', 'what to offer')
        .choices(['relay', 'applier'])
        .default(['relay', 'applier']),
    )
    .addHelpText(
      'after',
      `${EXIT_CODES}\nExamples:\n  tidemark agent --regions regions/local --region eu-west --source shop\n  tidemark agent --regions /etc/tidemark/regions --region eu-west --source shop --roles applier --json`,
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
  return root;
}

/** @returns the exit code */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    await program().parseAsync([...argv]);
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0; // --help
    const code = error instanceof RegionError || error instanceof TidemarkError ? `${error.code}: ` : '';
    process.stderr.write(`${code}${error instanceof Error ? error.message : String(error)}\n`);
    const usage =
      error instanceof CommanderError ||
      error instanceof RegionError ||
      (error instanceof TidemarkError && error.code === 'E_CONFIGURATION');
    return usage ? EXIT_USAGE : EXIT_FAILED;
  }
}
