import { addressOf } from '@tidemark/inspect';
import { loadRegions } from '@tidemark/regions';
import type { Command } from 'commander';
import { EXIT_CODES } from './exit-codes.ts';
import { columns, paint } from './paint.ts';
import { say } from './place-flags.ts';

interface RegionsFlags {
  readonly regions: string;
  readonly json?: true;
}

async function check(flags: RegionsFlags): Promise<void> {
  const { regions } = await loadRegions(flags.regions);
  const plain = regions.map(({ id, role, endpoints, peers }) => ({
    region: id,
    role,
    redis: addressOf(endpoints.redis),
    nats: addressOf(endpoints.nats),
    postgres: addressOf(endpoints.postgres),
    peers,
  }));
  const head = ['region', 'role', 'redis', 'nats', 'postgres', 'round trips'].map((text) => paint.dim(text));
  const rows = plain.map(({ region, role, redis, nats, postgres, peers }) => [
    region,
    role,
    redis,
    nats,
    postgres,
    peers.map(({ id, roundTripMs }) => `${id} ${roundTripMs} ms`).join(', '),
  ]);
  say(
    flags,
    { regions: plain },
    `${columns([head, ...rows])}\n${paint.green('the region files are in order')}`,
  );
}

/** Adds `regions`. */
export function addRegionsCommands(root: Command): void {
  root
    .command('regions')
    .description('the files that describe regions')
    .command('check')
    .description('checks region files against each other, and shows where they lead; asks no server')
    .requiredOption('--regions <dir>', 'folder of region files')
    .option('--json', 'JSON on stdout; errors as JSON on stderr')
    .addHelpText('after', `${EXIT_CODES}\nExample:\n  tidemark regions check --regions regions/local`)
    .action(check);
}
