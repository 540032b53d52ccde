import { type Duration, durationMs, formatPosition, formatVersion } from '@tidemark/core';
import { type KeyTimeline, keyTimeline, type TimelineEvent } from '@tidemark/inspect';
import type { Command } from 'commander';
import { ExitError } from './failure.ts';
import {
  allReached,
  EXIT_INCOMPLETE,
  type MeshFlags,
  READING_CODES,
  withMesh,
  withOpenMesh,
} from './mesh-flags.ts';
import { columns, paint, shown } from './paint.ts';
import { say } from './place-flags.ts';
import { wholeNumber } from './whole-number.ts';

interface TraceFlags extends MeshFlags {
  readonly since: Duration;
  readonly messages: number;
}

async function trace(key: string, flags: TraceFlags): Promise<void> {
  const options = { sinceMs: durationMs(flags.since, '--since'), messagesMax: flags.messages };
  const timeline = await withOpenMesh(flags, (mesh) => keyTimeline(mesh, key, options));
  say(flags, timeline, timelineText(timeline));
  if (!allReached([timeline.source, ...timeline.regions, ...timeline.streams]))
    throw new ExitError(EXIT_INCOMPLETE);
}

const WORDS: Readonly<Record<TimelineEvent['type'], string>> = {
  written: 'written',
  deleted: 'deleted',
  'rolled-back': 'rolled back',
  bumped: 'told by its writer',
  relayed: 'told by the relay',
  shipped: 'sent along with its value',
  cached: 'cached',
  kept: 'kept for rollbacks',
};

/** A key's history for a person. */
export function timelineText({ key, newest, source, regions, streams, events }: KeyTimeline): string {
  const head = source.reachable
    ? `newest ${newest === null ? 'unknown' : formatVersion(newest)}`
    : `${paint.red('source unreachable')}: ${source.reason}`;
  const lines = events.map((event) => [
    new Date(event.atMs).toISOString(),
    event.region ?? 'source',
    formatVersion(event.version),
    eventText(event, key),
  ]);
  return [
    `${paint.bold(key)}  ${head}`,
    lines.length === 0 ? '  nothing is known of it' : columns(lines, '  '),
    ...regions.map((each) => {
      if (!each.reachable) return `${paint.bold(each.region)}  ${paint.red('unreachable')}: ${each.reason}`;
      const { tidemark, value, horizon, knowsNewest } = each;
      const knows =
        knowsNewest === null
          ? 'can not be compared'
          : knowsNewest
            ? paint.green('serves nothing older')
            : paint.red('behind');
      return `${paint.bold(each.region)}  tidemark ${tidemark ? formatVersion(tidemark) : 'none'}, value ${value ? formatVersion(value) : 'none'}, horizon ${horizon ? formatPosition(horizon) : 'none'}: ${knows}`;
    }),
    ...streams.flatMap((each) => {
      if (!each.reachable) return [`stream of ${each.region} can't be read: ${each.reason}`];
      return each.whole
        ? []
        : [
            `stream of ${each.region}: only ${each.messages} messages were searched; see --since and --messages`,
          ];
    }),
  ].join('\n');
}

function eventText({ type, key: about, origin, trace: found, seq }: TimelineEvent, key: string): string {
  return [
    WORDS[type],
    ...(origin ? [`to the content of ${formatVersion(origin)}`] : []),
    ...(about === key ? [] : [`(all of ${shown(about)})`]),
    ...(seq === undefined ? [] : [`#${seq}`]),
    ...(found ? [`trace ${found.traceId}`] : []),
  ].join(' ');
}

/** Adds `trace`. */
export function addTraceCommand(root: Command): void {
  withMesh(root.command('trace'))
    .argument('<key>', 'an encoded key, such as product:12345')
    .description("shows a key's history across regions, as far as it is kept")
    .option('--since <duration>', 'how far back the streams are searched', '1h')
    .option('--messages <count>', 'messages of each stream that are searched at most', wholeNumber, 20_000)
    .addHelpText(
      'after',
      `${READING_CODES}
The changelog keeps the latest version of each key; what was before comes from the streams and from earlier values that
stores keep. Times are of whoever noted them; two machines' clocks may be apart.

Examples:
  tidemark trace product:12345 --regions regions/local --source shop
  tidemark trace product:12345 --regions regions/local --source shop --since 10m --json`,
    )
    .action(trace);
}
