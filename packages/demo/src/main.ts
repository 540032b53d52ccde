import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type Duration, durationMs } from '@tidemark/core';
import { type Sdk, startSdk } from '@tidemark/otel-sdk';
import { ConsoleCourse } from './console-course.ts';
import { byHand, type Course, HAND_HELP, scripted } from './course.ts';
import { brokenPromises, formatReport } from './report.ts';
import { run } from './run.ts';

const DURATION_MS = 20_000;
const READERS = 64;
const READERS_MAX = 1_000;
const DURATION_MS_MIN = 4_000;
const EXIT_BROKEN = 1;
const EXIT_FAILED = 2;
const EXIT_INTERRUPTED = 130;
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

interface Flags {
  readonly services?: true;
  readonly duration?: number;
  readonly byHand?: true;
  readonly console?: true;
  readonly allowActions?: true;
  readonly readers: number;
  readonly seed: number;
  readonly regions: string;
  readonly break?: 'tidemark';
  readonly json?: true;
  readonly otlp?: string;
  readonly metricsPort?: number;
}

const command = new Command('npm start --')
  .description(
    'A city guide in three regions, two nodes each, over one Postgres table of real cities.\n' +
      'Part-way one region is cut off and healed. At the end every cached entry is compared with the source.',
  )
  .option(
    '--services',
    'real servers: three Redis, three NATS, one Postgres (default: embedded parts)',
    false,
  )
  .option('--duration <time>', 'how long to work, for example 45s or 2m (default: 20s)', parseDuration)
  .option('--by-hand', `cuts nothing by itself; stdin says ${HAND_HELP} (default: no end by time)`)
  .addOption(
    new Option(
      '--console',
      'a live page of the mesh, with buttons that cut and heal; implies --services (default: no end by time)',
    ).conflicts('byHand'),
  )
  .option('--allow-actions', 'let the page of --console invalidate keys')
  .option('--readers <count>', 'readers on each node; its writer keeps pace', parseReaders, READERS)
  .option('--seed <number>', 'fixes what the readers and writers do', parseSeed, 1)
  .option(
    '--regions <dir>',
    'folder of region files',
    fileURLToPath(new URL('../../../regions/local', import.meta.url)),
  )
  .addOption(new Option('--break <rule>', 'switch a rule off, to see the checks fail').choices(['tidemark']))
  .option('--otlp <url>', 'export traces and metrics, for example http://127.0.0.1:4318')
  .option('--metrics-port <port>', 'serve metrics for Prometheus there, at /metrics', parsePort)
  .option('--json', 'print the report as one JSON document on stdout')
  .addHelpText(
    'after',
    '\nExit codes: 0 every promise was kept, 1 a promise was broken, 2 the run failed, 130 interrupted.\n' +
      '\nExamples:\n  npm start\n  npm start -- --services --duration 30s\n  npm start -- --services --by-hand\n  npm start -- --console\n  npm start -- --services --json > report.json\n  npm start -- --break tidemark',
  );

function parseDuration(text: string): number {
  try {
    const ms = durationMs(text as Duration, '--duration');
    if (ms >= DURATION_MS_MIN) return ms;
  } catch {
    // Explained below.
  }
  throw new InvalidArgumentError(`Give at least ${DURATION_MS_MIN / 1_000}s, for example 20s or 2m.`);
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new InvalidArgumentError('Give a port from 1 to 65535, or 0 for any that is free.');
  return port;
}

function parseReaders(text: string): number {
  const readers = Number(text);
  if (!Number.isInteger(readers) || readers < 1 || readers > READERS_MAX)
    throw new InvalidArgumentError(`Give a whole number from 1 to ${READERS_MAX}.`);
  return readers;
}

function parseSeed(text: string): number {
  const seed = Number(text);
  if (!Number.isSafeInteger(seed) || seed < 0) throw new InvalidArgumentError('Give a whole number from 0.');
  return seed;
}

async function main(): Promise<number> {
  const flags = command.parse().opts<Flags>();
  const interrupted = new AbortController();
  const page = flags.console
    ? new ConsoleCourse({
        durationMs: flags.duration ?? null,
        allowActions: flags.allowActions === true,
      })
    : null;
  const interrupt = (): void => {
    if (page?.end()) return;
    interrupted.abort();
    for (const signal of SIGNALS) process.off(signal, interrupt);
  };
  for (const signal of SIGNALS) process.on(signal, interrupt);
  const out = flags.json ? process.stderr : process.stdout;
  let sdk: Sdk | null = null;
  try {
    sdk = await exports(flags);
    if (sdk?.metricsUrl) out.write(`metrics: ${sdk.metricsUrl}\n`);
    const report = await run({
      mode: flags.services || page ? 'services' : 'embedded',
      course: page ? page.course : courseOf(flags),
      readers: flags.readers,
      seed: flags.seed,
      regionsDir: flags.regions,
      breakTidemark: flags.break === 'tidemark',
      telemetry: sdk !== null,
      out,
      signal: interrupted.signal,
    });
    process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : formatReport(report));
    return brokenPromises(report).length === 0 ? 0 : EXIT_BROKEN;
  } catch (error) {
    if (interrupted.signal.aborted) return EXIT_INTERRUPTED;
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return EXIT_FAILED;
  } finally {
    // A collector that is away must not fail the run.
    await sdk
      ?.stop()
      .catch((error: unknown) => process.stderr.write(`telemetry was not all sent: ${String(error)}\n`));
  }
}

function courseOf({ byHand: hand, duration }: Flags): Course {
  return hand ? byHand(process.stdin, duration ?? null) : scripted(duration ?? DURATION_MS);
}

async function exports({ otlp, metricsPort }: Flags): Promise<Sdk | null> {
  if (otlp === undefined && metricsPort === undefined) return null;
  return startSdk({
    service: 'tidemark-demo',
    ...(otlp !== undefined && { otlp }),
    ...(metricsPort !== undefined && { prometheus: { port: metricsPort } }),
  });
}

process.exitCode = await main();
