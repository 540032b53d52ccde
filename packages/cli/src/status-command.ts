import { formatPosition } from '@tidemark/core';
import { type MeshView, type PairView, readMesh, type RegionView } from '@tidemark/inspect';
import type { Command } from 'commander';
import { ExitError } from './failure.ts';
import { EXIT_INCOMPLETE, type MeshFlags, withMesh, withOpenMesh } from './mesh-flags.ts';
import { columns, paint, size, span } from './paint.ts';
import { say } from './place-flags.ts';

async function status(flags: MeshFlags): Promise<void> {
  const view = await withOpenMesh(flags, readMesh);
  say(flags, view, statusText(view));
  if (view.troubles.length > 0) throw new ExitError(EXIT_INCOMPLETE);
}

async function lag(flags: MeshFlags): Promise<void> {
  const view = await withOpenMesh(flags, readMesh);
  const regions = view.regions.map(({ region, freshness, backlog }) => ({ region, freshness, backlog }));
  say(flags, { atMs: view.atMs, pairs: view.pairs, regions }, lagText(view));
  const followed = view.pairs.every(({ following, messages }) => following === true || messages === 0);
  if (!followed || regions.some(({ freshness }) => freshness.boundMs === null))
    throw new ExitError(EXIT_INCOMPLETE);
}

/** A mesh at a glance. */
export function statusText(view: MeshView): string {
  const { source, truth, relay, regions, troubles } = view;
  const relayed = relay ? `relay in ${relay.region}, spoke ${span(relay.ageMs)} ago` : paint.red('no relay');
  const head = [
    'region',
    'role',
    'redis',
    'memory',
    'nats',
    'postgres',
    'proven to',
    'horizon',
    'beyond it',
    'dead letters',
    'applier',
  ];
  return [
    `${paint.bold(source)}  ${relayed}`,
    truth.reachable
      ? `source  Postgres ${truth.version} through ${truth.through}, era ${truth.horizon.era}, horizon ${formatPosition(truth.horizon)}, ${truth.connections} of ${truth.connectionsMax} connections`
      : `source  ${paint.red('unreachable')}: ${truth.reason}`,
    columns([head.map((text) => paint.dim(text)), ...regions.map(regionRow)]),
    troubles.length === 0
      ? paint.green('all is reachable and proven')
      : columns(troubles.map(({ region, code, text }) => [paint.red(code), region ?? 'mesh', text])),
  ].join('\n');
}

const AWAY = 'away';

function regionRow({
  region,
  role,
  redis,
  nats,
  postgres,
  freshness,
  backlog,
  deadLetters,
}: RegionView): string[] {
  const took = (ms: number): string => `${ms.toFixed(1)} ms`;
  const away = paint.red(AWAY);
  const unknown = paint.dim('?');
  const memory = (): string => {
    if (!redis.reachable) return unknown;
    const { usedBytes, maxBytes } = redis.server;
    if (usedBytes === null) return unknown;
    return maxBytes ? `${size(usedBytes)} of ${size(maxBytes)}` : size(usedBytes);
  };
  const beyond = (): string => {
    if (!backlog) return unknown;
    if (backlog.changes === 0 || backlog.oldestAgeMs === null) return '0';
    return `${backlog.changes}, ${span(backlog.oldestAgeMs)}`;
  };
  return [
    region,
    role,
    redis.reachable ? took(redis.server.roundTripMs) : away,
    memory(),
    nats.reachable ? took(nats.server.roundTripMs) : away,
    postgres.reachable ? took(postgres.roundTripMs) : away,
    freshness.boundMs === null ? paint.red('nothing') : span(freshness.boundMs),
    redis.reachable ? (redis.meta ? formatPosition(redis.meta.horizon) : paint.red('none')) : unknown,
    beyond(),
    deadLetters === null ? unknown : deadLetters > 0 ? paint.red(String(deadLetters)) : '0',
    redis.reachable ? (redis.applier ? redis.applier.holder.slice(0, 8) : paint.red('none')) : unknown,
  ];
}

/** Per region pair, and per region. */
export function lagText({ pairs, regions }: MeshView): string {
  const head = ['from', 'to', 'behind', 'messages', 'round trip'].map((text) => paint.dim(text));
  return [
    columns([head, ...pairs.map(pairRow)]),
    ...regions.map(({ region, freshness, backlog }) => {
      const proven =
        freshness.boundMs === null
          ? paint.red(`nothing is proven: ${freshness.reason}`)
          : `proven to be at most ${span(freshness.boundMs)} behind`;
      const beyond = backlog
        ? `${backlog.changes} changes beyond its horizon${backlog.oldestAgeMs === null ? '' : `, the oldest ${span(backlog.oldestAgeMs)} old`}`
        : 'changes beyond its horizon can not be counted';
      return `${paint.bold(region)}  ${proven}; ${beyond}`;
    }),
  ].join('\n');
}

function pairRow({ from, to, following, messages, behindMs, roundTripMs, reason }: PairView): string[] {
  const behind = behindMs === null ? '?' : span(behindMs);
  return [
    from,
    to,
    following === true ? behind : paint.red(following === null ? '?' : `not followed`),
    messages === null ? '?' : String(messages),
    `${roundTripMs} ms`,
    reason ?? '',
  ];
}

const STATUS_CODES =
  '\nExit codes: 0 all is reachable and proven, 1 failed, 2 wrong usage or configuration, 3 something is not: the rest is shown.\n';

/** Adds `status` and `lag`. */
export function addStatusCommands(root: Command): void {
  withMesh(root.command('status'))
    .description('shows the mesh at a glance: what is reachable, what is proven, and what needs somebody')
    .addHelpText(
      'after',
      `${STATUS_CODES}
"proven to" is the staleness bound that a node there could prove now; "beyond it" are changes that the region's store may not
know yet, and the age of the oldest.

Examples:
  tidemark status --regions regions/local --source shop
  tidemark status --regions regions/local --source shop --region eu-west --json`,
    )
    .action(status);
  withMesh(root.command('lag'))
    .description('shows how far each region is behind each other one, in messages and in time')
    .addHelpText(
      'after',
      `
Exit codes: 0 every region follows every other one, 1 failed, 2 wrong usage or configuration, 3 some do not, prove nothing, or
could not be asked.

Over a link that was cut without a word a server may take seconds to notice; what is proven tells at once.

Example:
  tidemark lag --regions regions/local --source shop --json`,
    )
    .action(lag);
}
