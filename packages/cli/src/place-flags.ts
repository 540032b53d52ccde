import type { Command } from 'commander';
import type { RegionPlace } from './connect-region.ts';

/** Flags that choose a region, and how to answer. */
export interface PlaceFlags {
  readonly regions: string;
  readonly region: string;
  readonly source: string;
  readonly namespace?: string;
  readonly json?: true;
}

export function withPlace(command: Command): Command {
  return command
    .requiredOption('--regions <dir>', 'folder of region files')
    .requiredOption('--region <id>', 'the region')
    .requiredOption('--source <name>', "name of the source of truth, as the services' bus and store have it")
    .option('--namespace <name>', "namespace of the services' store (default: the source's name)")
    .option('--json', 'JSON on stdout, one document a line; errors as JSON on stderr');
}

export function placeOf({ regions, region, source, namespace }: PlaceFlags): RegionPlace {
  return { dir: regions, id: region, source, ...(namespace !== undefined && { namespace }) };
}

export function say(flags: { readonly json?: true }, data: unknown, text: string): void {
  process.stdout.write(`${flags.json ? JSON.stringify(data) : text}\n`);
}
