import { ConfigurationError, type Duration, durationMs } from '@tidemark/core';
import { type Mesh, type MeshPlace, openMesh, type Reached } from '@tidemark/inspect';
import type { Command } from 'commander';

/** Part of what was asked could not be reached; the rest was shown. */
export const EXIT_INCOMPLETE = 3;

/** Of commands that read a mesh; `actions` says what else they end with. */
export const READING_CODES =
  '\nExit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 part of the mesh could not be asked: the rest is shown.\n';

/** Flags that choose a mesh, and how to answer. */
export interface MeshFlags {
  readonly regions: string;
  readonly region?: readonly string[];
  readonly source: string;
  readonly namespace?: string;
  readonly timeout: Duration;
  readonly json?: true;
}

/** For commands that look at all regions, or at those that `--region` names. */
export function withMesh(command: Command): Command {
  return withMeshOnly(command).option('--region <ids...>', 'only these regions (default: all)');
}

/** Without `--region`. */
export function withMeshOnly(command: Command): Command {
  return command
    .requiredOption('--regions <dir>', 'folder of region files')
    .requiredOption('--source <name>', "name of the source of truth, as the services' bus and store have it")
    .option('--namespace <name>', "namespace of the services' store (default: the source's name)")
    .option('--timeout <duration>', 'how long each server may take to answer', '2s')
    .option('--json', 'JSON on stdout, one document a line; errors as JSON on stderr');
}

export function meshOf({ regions, region, source, namespace, timeout }: MeshFlags): MeshPlace {
  const answerMs = durationMs(timeout, '--timeout');
  if (answerMs < 1) throw new ConfigurationError('--timeout must be at least 1ms');
  return {
    dir: regions,
    source,
    answerMs,
    ...(namespace !== undefined && { namespace }),
    ...(region && { only: region }),
  };
}

/** Opens the mesh for the work, and closes it whatever happens. */
export async function withOpenMesh<T>(flags: MeshFlags, work: (mesh: Mesh) => Promise<T>): Promise<T> {
  const mesh = await openMesh(meshOf(flags));
  try {
    return await work(mesh);
  } finally {
    await mesh.close();
  }
}

export function allReached(answers: readonly Reached<object>[]): boolean {
  return answers.every(({ reachable }) => reachable);
}
