import {
  ConfigurationError,
  type Duration,
  durationMs,
  formatVersion,
  type Invalidation,
  isKeyspaceName,
  tag,
} from '@tidemark/core';
import {
  type AppliedIn,
  assertKey,
  invalidate as invalidateKeys,
  type Mesh,
  waitApplied,
} from '@tidemark/inspect';
import { type Command, CommanderError } from 'commander';
import { confirm } from './confirm.ts';
import { EXIT_USAGE, ExitError } from './failure.ts';
import { EXIT_INCOMPLETE, type MeshFlags, withMeshOnly, withOpenMesh } from './mesh-flags.ts';
import { columns, paint, shown, span } from './paint.ts';
import { say } from './place-flags.ts';

export const WRITING_CODES = `
Exit codes: 0 done, and applied in every region, 1 failed, 2 wrong usage or configuration, 3 done, and some region has not
applied it so far: it will when it is back, 4 declined: nothing was done.
`;

/** Flags of commands that write. */
export interface WriteFlags extends MeshFlags {
  readonly yes?: true;
  /** Parsed with the other flags: what is wrong must be said before anything is done, ms. */
  readonly wait: number;
}

export function withWrite(command: Command): Command {
  return withMeshOnly(command)
    .option('--yes', 'do not ask')
    .option(
      '--wait <duration>',
      'how long to wait until every region has applied it (default: 5s)',
      (text) => durationMs(text as Duration, '--wait'),
      5_000,
    );
}

interface InvalidateFlags extends WriteFlags {
  readonly tag?: readonly string[];
  readonly keyspace?: readonly string[];
}

async function invalidate(given: readonly string[], flags: InvalidateFlags): Promise<void> {
  const { tag: tags = [], keyspace: keyspaces = [] } = flags;
  for (const key of given) assertKey(key);
  for (const name of keyspaces) {
    if (!isKeyspaceName(name))
      throw new ConfigurationError(`${JSON.stringify(name)} is not the name of a keyspace`);
  }
  const keys = [...given, ...tags.map(tag), ...keyspaces];
  if (keys.length === 0) {
    throw new CommanderError(EXIT_USAGE, 'tidemark.keys', 'error: give keys, --tag or --keyspace');
  }
  await confirm(
    flags,
    `this invalidates ${keys.map((key) => shown(key)).join(', ')} in every region: ${costOf(keyspaces)}`,
  );
  await withOpenMesh(flags, async (mesh) => {
    await told(mesh, flags, await invalidateKeys(mesh, keys), 'invalidated');
  });
}

function costOf(keyspaces: readonly string[]): string {
  return keyspaces.length > 0
    ? 'all that they cache of these keyspaces is loaded anew when it is read'
    : 'it is loaded anew when it is read';
}

/** Waits for the regions, and says what was done. */
export async function told(
  mesh: Mesh,
  flags: WriteFlags,
  invalidations: readonly Invalidation[],
  what: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const regions = await waitApplied(mesh, invalidations, flags.wait);
  say(flags, { ...more, invalidations, regions }, writtenText(what, invalidations, regions));
  if (regions.some(({ applied }) => !applied)) throw new ExitError(EXIT_INCOMPLETE);
}

function writtenText(
  what: string,
  invalidations: readonly Invalidation[],
  regions: readonly AppliedIn[],
): string {
  return [
    ...invalidations.map(({ key, version }) => `${what} ${shown(key)} at ${formatVersion(version)}`),
    columns(
      regions.map(({ region, ms, reason }) => [
        region,
        ms === null ? paint.red(`not applied so far: ${reason}`) : paint.green(`applied within ${span(ms)}`),
      ]),
      '  ',
    ),
  ].join('\n');
}

/** Adds `invalidate`. */
export function addInvalidateCommand(root: Command): void {
  withWrite(root.command('invalidate'))
    .argument('[keys...]', 'encoded keys, such as product:12345')
    .description('invalidates keys, tags or whole keyspaces in every region, through the source')
    .option('--tag <names...>', 'all that depends on these tags')
    .option('--keyspace <names...>', 'all of these keyspaces, whatever their size')
    .addHelpText(
      'after',
      `${WRITING_CODES}
Examples:
  tidemark invalidate product:12345 product:12346 --regions regions/local --source shop
  tidemark invalidate --tag spring-sale --regions regions/local --source shop --yes
  tidemark invalidate --keyspace product --regions regions/local --source shop --yes --json`,
    )
    .action(invalidate);
}
