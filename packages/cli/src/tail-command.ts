import { type Duration, durationMs, formatVersion, keyspaceOf } from '@tidemark/core';
import { type MeshEvent, watchMesh } from '@tidemark/inspect';
import { type Command, Option } from 'commander';
import { type MeshFlags, withMesh, withOpenMesh } from './mesh-flags.ts';
import { paint, shown, size } from './paint.ts';
import { say } from './place-flags.ts';
import { wholeNumber } from './whole-number.ts';

const TYPES = ['bump', 'change', 'update', 'barrier'] as const;

interface TailFlags extends MeshFlags {
  readonly keyspace?: readonly string[];
  readonly key?: string;
  readonly type: readonly (typeof TYPES)[number][];
  readonly limit?: number;
  readonly for?: Duration;
}

async function tail(flags: TailFlags): Promise<void> {
  const { limit = Number.POSITIVE_INFINITY } = flags;
  const forMs = flags.for === undefined ? null : durationMs(flags.for, '--for');
  const wanted = filterOf(flags);
  const ending = new AbortController();
  const end = (): void => ending.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
  const timer = forMs === null ? undefined : setTimeout(end, forMs);
  let told = 0;
  try {
    await withOpenMesh(flags, async (mesh) => {
      const watch = await watchMesh(mesh, (event) => {
        if (told >= limit || !wanted(event)) return;
        say(flags, event, eventText(event));
        if ('key' in event || event.type === 'barrier') told += 1;
        if (told >= limit) end();
      });
      const followed = mesh.regions.map(({ region }) => region.id);
      // What comes from here on is shown; on a terminal beside the events, for programs as the first of them.
      if (flags.json) say(flags, { type: 'following', regions: followed }, '');
      else process.stderr.write(`follows ${followed.join(', ')}; Ctrl-C ends\n`);
      await new Promise<void>((resolve) => {
        if (ending.signal.aborted) resolve();
        else ending.signal.addEventListener('abort', () => resolve(), { once: true });
      });
      await watch.stop();
    });
  } finally {
    clearTimeout(timer);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, end);
  }
}

/** What says that something may be missing is always shown. */
function filterOf({ keyspace, key, type }: TailFlags): (event: MeshEvent) => boolean {
  const pattern = key === undefined ? null : patternOf(key);
  const named = keyspace && new Set(keyspace);
  return (event) => {
    if ('reason' in event) return true;
    if (!type.includes(event.type)) return false;
    if (event.type === 'barrier') return true;
    return (!pattern || pattern.test(event.key)) && (!named || named.has(keyspaceOf(event.key)));
  };
}

/** `*` stands for any text. */
function patternOf(text: string): RegExp {
  const escaped = text.split('*').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`, 's');
}

function eventText(event: MeshEvent): string {
  const head = `${new Date(event.atMs).toISOString()}  ${paint.bold(event.region)}  `;
  switch (event.type) {
    case 'barrier':
      return `${head}barrier  ${event.from} to ${event.to}, ${event.echoes} echoes`;
    case 'gap':
    case 'away':
    case 'unreadable':
      return `${head}${paint.red(event.type)}  ${shown(event.reason)}`;
    case 'bump':
    case 'change':
    case 'update': {
      const value =
        event.bytes === undefined ? '' : `  ${event.bytes === null ? 'absence' : size(event.bytes)}`;
      const trace = event.trace ? paint.dim(`  trace ${event.trace.traceId}`) : '';
      return `${head}${event.type}  ${shown(event.key)} at ${formatVersion(event.version)}${value}${trace}`;
    }
  }
}

/** Adds `tail`. */
export function addTailCommand(root: Command): void {
  withMesh(root.command('tail'))
    .description('shows live what goes over the streams of the regions, decoded')
    .option('--keyspace <names...>', 'only keys of these keyspaces')
    .option('--key <pattern>', "only keys that match; * stands for any text, such as 'product:*'")
    .addOption(
      new Option('--type <types...>', 'bump: writers; change: the relay; update: values; barrier: proofs')
        .choices(TYPES)
        .default(['bump', 'change', 'update']),
    )
    .option('--limit <count>', 'end after so many', wholeNumber)
    .option('--for <duration>', 'end after this long')
    .addHelpText(
      'after',
      `
Exit codes: 0 ended by Ctrl-C, --limit or --for, 1 failed, 2 wrong usage or configuration.

A region that is away is told, and followed when it is back. With --json each event is one line; the first is of type following.

Examples:
  tidemark tail --regions regions/local --source shop --keyspace product
  tidemark tail --regions regions/local --source shop --region eu-west --key 'product:12*' --type bump update
  tidemark tail --regions regions/local --source shop --for 10s --json`,
    )
    .action(tail);
}
