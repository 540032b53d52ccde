import { type Duration, durationMs } from '@tidemark/core';
import { measureWarmth, parseGate, reached, storePeer, type WarmReport } from '@tidemark/warmup';
import { Command, InvalidArgumentError, Option } from 'commander';
import { connectRegion, FROM_AFAR } from './connect-region.ts';
import { EXIT_INTERRUPTED, ExitError } from './failure.ts';
import { metricsPortOption, otlpOption, type TelemetryFlags, withTelemetry } from './telemetry-flags.ts';
import { type PlaceFlags, placeOf, say, withPlace } from './place-flags.ts';
import { shardOf } from './shard.ts';
import { hotKeys } from './warm-list.ts';
import { jsonScreen, percent, textScreen } from './warm-progress.ts';
import { planWarm, runWarm, type WarmRequest } from './warm-run.ts';
import { wholeNumber } from './whole-number.ts';

export const EXIT_NOT_WARM = 3;
const EXIT_CODES =
  '\nExit codes: 0 warm, 1 failed, 2 wrong usage or configuration, 3 not warm enough, or stopped before the end,\n130 interrupted. After 1, 3 and 130 --resume goes on.\n';

interface WarmFlags extends PlaceFlags, TelemetryFlags {
  readonly from: readonly string[];
  readonly keyspaces?: string;
  readonly keyspace?: readonly string[];
  readonly match?: string;
  readonly keys?: string;
  readonly sql?: string;
  readonly top?: number;
  readonly shard?: { readonly index: number; readonly count: number };
  readonly sourceQps: number;
  readonly rate?: number;
  readonly liveSlowdown: number;
  readonly shadow?: string;
  readonly concurrency?: number;
  readonly until?: string;
  readonly deadline?: Duration;
  readonly onDeadline: 'fail' | 'proceed';
  readonly maxBytes?: number;
  readonly state?: string;
  readonly resume?: true;
  readonly dryRun?: true;
}

async function warmRegion(flags: WarmFlags): Promise<void> {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  const request = requestOf(flags, stopping.signal);
  try {
    if (flags.dryRun) {
      const plan = await planWarm(request);
      say(
        flags,
        { type: 'plan', ...plan },
        `would warm ${plan.keys} keys (${plan.hot} known to be read): ${percent(plan.fromPeers)} from peers, about ${plan.bytes} bytes; ` +
          `${plan.sourceLoads} loads from the source, ${plan.loadSeconds} s at ${flags.sourceQps}/s`,
      );
      return;
    }
    judge(
      await withTelemetry(flags, 'tidemark-warm', (telemetry) => runWarm({ ...request, telemetry })),
      flags,
    );
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop);
  }
}

function judge(report: WarmReport, { until, onDeadline }: WarmFlags): void {
  const { outcome } = report;
  if (outcome === 'interrupted') throw new ExitError(EXIT_INTERRUPTED);
  if (outcome === 'gate' || (outcome === 'deadline' && onDeadline === 'proceed')) return;
  const enough = until === undefined || reached(parseGate(until), report);
  if (outcome !== 'complete' || !enough) throw new ExitError(EXIT_NOT_WARM);
}

function requestOf(flags: WarmFlags, signal: AbortSignal): WarmRequest {
  const {
    keyspaces,
    keyspace,
    match,
    keys,
    sql,
    top,
    shard,
    rate,
    shadow,
    concurrency,
    until,
    deadline,
    maxBytes,
  } = flags;
  return {
    ...placeOf(flags),
    from: flags.from,
    sourceQps: flags.sourceQps,
    liveSlowdownMax: flags.liveSlowdown,
    statePath: flags.state ?? `tidemark-warm-${flags.region}${shard ? `-${shard.index}` : ''}.json`,
    resume: flags.resume === true,
    signal,
    screen: flags.json ? jsonScreen(process.stdout) : textScreen(process.stderr),
    ...(keyspaces !== undefined && { keyspacesModule: keyspaces }),
    ...(keyspace && { keyspaces: keyspace }),
    ...(match !== undefined && { match }),
    ...(keys !== undefined && { keysFile: keys }),
    ...(sql !== undefined && { sql }),
    ...(top !== undefined && { top }),
    ...(shard && { shard }),
    ...(rate !== undefined && { rateMax: rate }),
    ...(shadow !== undefined && { shadowFile: shadow }),
    ...(concurrency !== undefined && { concurrency }),
    ...(until !== undefined && { until: parseGate(until) }),
    ...(deadline !== undefined && { deadlineMs: durationMs(deadline, '--deadline') }),
    ...(maxBytes !== undefined && { bytesMax: maxBytes }),
  };
}

interface ReadyFlags extends PlaceFlags {
  readonly hitRate: number;
  readonly like?: string;
}

async function ready(flags: ReadyFlags): Promise<void> {
  const place = placeOf(flags);
  const parts = await connectRegion(place, FROM_AFAR);
  const neighbour =
    flags.like === undefined ? null : await connectRegion({ ...place, id: flags.like }, FROM_AFAR);
  try {
    const { meta } = await parts.store.read([]);
    const warmth = meta
      ? await measureWarmth(
          parts.store,
          await hotKeys([
            storePeer(flags.region, parts.store),
            ...(neighbour ? [storePeer('neighbour', neighbour.store)] : []),
          ]),
        )
      : null;
    const isReady = warmth !== null && (warmth.hitRate ?? 1) >= flags.hitRate;
    const known =
      warmth && warmth.hitRate !== null
        ? `hit rate ${percent(warmth.hitRate)} of ${warmth.keys} known keys`
        : 'no reads are known';
    say(
      flags,
      { ready: isReady, initialised: meta !== null, ...warmth },
      `${isReady ? 'ready' : 'not ready'}: ${meta ? known : 'the region has no state yet: its Redis is new or was emptied'}`,
    );
    if (!isReady) throw new ExitError(EXIT_NOT_WARM);
  } finally {
    await neighbour?.close();
    await parts.close();
  }
}

function share(text: string): number {
  const value = text.endsWith('%') ? Number(text.slice(0, -1)) / 100 : Number(text);
  if (text !== '' && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('Give a share, such as 0.9 or 90%.');
}

function times(text: string): number {
  const value = Number(text);
  if (text !== '' && (value === 0 || value > 1) && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('Give a number above 1, such as 2, or 0 for never.');
}

/** Adds `warm` and `ready`. */
export function addWarmCommands(root: Command): void {
  withPlace(root.command('warm'))
    .description('fills a cold region before it takes traffic, most read keys first')
    .requiredOption(
      '--from <origins...>',
      'peer:REGION, https://HOST:PORT of an agent with --export, or source, asked one after the other for what is missing; the first may be snapshot:FILE',
    )
    .option('--keyspaces <module>', "module that exports the services' keyspaces; needed for --from source")
    .option('--keyspace <names...>', 'only keys of these keyspaces')
    .option('--match <pattern>', "only keys that match; * stands for any text, such as 'city:*'")
    .option('--keys <file>', 'the keys to warm, one on each line, most important first; - is stdin')
    .option('--sql <query>', 'a query of the source that names them: a column key, and maybe reads')
    .option('--top <count>', 'only so many keys', wholeNumber)
    .option('--shard <index/count>', "this worker's part, from 0; workers may run at once", shardOf)
    .option(
      '--source-qps <rate>',
      'loads a second from the source, at most; fewer while it is slow',
      wholeNumber,
      500,
    )
    .option(
      '--rate <keys>',
      'keys a second from wherever, at most (default: as fast as it goes)',
      wholeNumber,
    )
    .option(
      '--live-slowdown <times>',
      'slow down while reads of the region, its source or its peers take so many times as long as usual; 0: never',
      times,
      2,
    )
    .option('--concurrency <count>', 'batches at a time (default: 4)', wholeNumber)
    .option('--until <gate>', 'warm enough: coverage=95% of the keys, or hit-rate=0.9 of the known reads')
    .option(
      '--shadow <file>',
      'keys as live traffic reads them elsewhere, one on each line, - is stdin: the hit rate is then theirs',
    )
    .addOption(otlpOption())
    .addOption(metricsPortOption())
    .option('--deadline <duration>', 'stop then, such as 5m')
    .addOption(
      new Option('--on-deadline <what>', 'exit 3, or exit 0 with what there is')
        .choices(['fail', 'proceed'])
        .default('fail'),
    )
    .option('--max-bytes <count>', 'stop after so many bytes of values', wholeNumber)
    .option('--state <file>', 'where to keep what --resume needs (default: tidemark-warm-REGION.json here)')
    .option('--resume', 'go on with the warm-up that was stopped or killed')
    .option('--dry-run', 'only say what would be done')
    .addHelpText(
      'after',
      `${EXIT_CODES}
Examples:
  tidemark warm --regions regions/local --region eu-west --source shop --from peer:us-east
  tidemark warm --regions regions/local --region eu-west --source shop --from peer:us-east source --keyspaces dist/keyspaces.js --until hit-rate=0.9 --deadline 5m
  tidemark warm --regions regions/local --region eu-west --source shop --from source --keyspaces dist/keyspaces.js --source-qps 200 --sql "select 'city:' || id as key, population as reads from cities order by 2 desc"`,
    )
    .action(warmRegion);
  withPlace(root.command('ready'))
    .description(
      'says whether a region is warm enough for the reads that it is known to get; for readiness probes',
    )
    .option('--like <region>', 'while this region knows no reads of its own, those of that one count')
    .option('--hit-rate <share>', 'of the known reads, such as 0.9 or 90%', share, 0.9)
    .addHelpText(
      'after',
      `\nExit codes: 0 ready, 1 failed, 2 wrong usage or configuration, 3 not ready.\n\nExample:\n  tidemark ready --regions regions/local --region eu-west --source shop --hit-rate 90%`,
    )
    .action(ready);
}
