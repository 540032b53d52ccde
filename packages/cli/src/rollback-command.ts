import {
  ConfigurationError,
  formatVersion,
  type Generation,
  parseGeneration,
  type Version,
} from '@tidemark/core';
import { planGroupRollback, planKeyRollback } from '@tidemark/inspect';
import { type Command, CommanderError } from 'commander';
import { confirm } from './confirm.ts';
import { EXIT_USAGE } from './failure.ts';
import { told, withWrite, type WriteFlags, WRITING_CODES } from './invalidate-command.ts';
import { withOpenMesh } from './mesh-flags.ts';
import { shown, size } from './paint.ts';

interface RollbackFlags extends WriteFlags {
  readonly group?: string;
  readonly in?: string;
  readonly to?: string;
}

async function rollback(key: string | undefined, flags: RollbackFlags): Promise<void> {
  const { group, in: region, to } = flags;
  if ((key === undefined) === (group === undefined)) {
    throw new CommanderError(EXIT_USAGE, 'tidemark.rollback', 'error: give either a key or --group');
  }
  const version = to === undefined ? undefined : versionOf(to);
  if (group !== undefined) return rollbackGroup(group, flags, to ?? null);
  await rollbackKey(key!, region, flags, version);
}

async function rollbackKey(
  key: string,
  region: string | undefined,
  flags: RollbackFlags,
  to: Version | undefined,
): Promise<void> {
  await withOpenMesh(flags, async (mesh) => {
    const plan = await planKeyRollback(mesh, region ?? mesh.set.home.id, key, to);
    const content = plan.bytes === null ? 'no value' : size(plan.bytes);
    await confirm(
      flags,
      `this gives ${shown(key)} the content of ${formatVersion(plan.to)} (${content}) instead of ${formatVersion(plan.from)}, in every region, until it is written again`,
    );
    const { from, to: back, kept } = plan;
    await told(mesh, flags, await plan.run(), 'rolled back', { key, from, to: back, kept });
  });
}

async function rollbackGroup(group: string, flags: RollbackFlags, to: Generation | null): Promise<void> {
  await withOpenMesh(flags, async (mesh) => {
    const plan = await planGroupRollback(mesh, group, to);
    await confirm(
      flags,
      `this makes ${to === null ? 'the generation before' : `generation ${to}`} of group ${group} current instead of ${plan.from}, in every region`,
    );
    const { to: back, invalidations } = await plan.run();
    await told(mesh, flags, invalidations, `rolled back to generation ${back}:`, {
      group,
      from: plan.from,
      to: back,
    });
  });
}

/** `era.n`, as `inspect` shows it; generations have the same form. */
function versionOf(text: string): Version {
  const version = parseGeneration(text);
  if (version) return version;
  throw new ConfigurationError(
    `--to takes a version or generation such as 1.912, not ${JSON.stringify(text)}`,
  );
}

/** Adds `rollback`. */
export function addRollbackCommand(root: Command): void {
  withWrite(root.command('rollback'))
    .argument('[key]', 'an encoded key of a keyspace with retain, such as rule:7')
    .description('gives a key, or a group of keys, its earlier content back, in every region')
    .option('--group <name>', 'a group, instead of a key')
    .option('--in <region>', 'region whose store has kept the earlier value (default: the home region)')
    .option('--to <version>', 'which one, as inspect lists them under "kept" (default: the one before)')
    .addHelpText(
      'after',
      `${WRITING_CODES}
The next write of a key ends its rollback. Versions of another schemaVersion than the newest one are left alone.

Examples:
  tidemark rollback rule:7 --regions regions/local --source shop
  tidemark rollback rule:7 --to 1.860 --in eu-west --regions regions/local --source shop --yes
  tidemark rollback --group price --regions regions/local --source shop --yes --json`,
    )
    .action(rollback);
}
