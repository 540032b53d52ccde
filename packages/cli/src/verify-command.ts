import { ConfigurationError, type Duration, durationMs } from '@tidemark/core';
import type { VerifierReport } from '@tidemark/verifier';
import { type Command, InvalidArgumentError } from 'commander';
import { ExitError } from './failure.ts';
import { loadContents } from './load-keyspaces.ts';
import { EXIT_INCOMPLETE, type MeshFlags, withMesh, withOpenMesh } from './mesh-flags.ts';
import { say } from './place-flags.ts';
import { shardOf } from './shard.ts';
import { metricsPortOption, otlpOption, type TelemetryFlags, withTelemetry } from './telemetry-flags.ts';
import { follow, STATE_DEFAULT, sweepOnce } from './verify-run.ts';
import { reportText, sweepText } from './verify-text.ts';
import { wholeNumber } from './whole-number.ts';

const EXIT_FINDINGS = 1;

interface VerifyFlags extends Omit<MeshFlags, 'region'>, TelemetryFlags {
  readonly region?: readonly string[];
  readonly keyspaces?: string;
  readonly ages?: readonly Duration[];
  readonly sample?: number;
  readonly rate?: number;
  readonly loads?: number;
  readonly state?: string;
  readonly for?: Duration;
  readonly serve?: true;
  readonly sweep?: true;
  readonly shard?: { readonly index: number; readonly count: number };
}

async function verify(flags: VerifyFlags): Promise<void> {
  checkFlags(flags);
  const forMs = flags.for === undefined ? null : durationMs(flags.for, '--for');
  const contents = flags.keyspaces === undefined ? null : await loadContents(flags.keyspaces);
  const ending = new AbortController();
  const end = (): void => ending.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
  try {
    await withOpenMesh(flags, async (mesh) => {
      const common = { mesh, contents, signal: ending.signal, ...(flags.json && { json: flags.json }) };
      if (flags.sweep) {
        const { rate, shard } = flags;
        const report = await sweepOnce({ ...common, ...(rate && { rate }), ...(shard && { shard }) });
        say(flags, { type: 'report', ...report }, sweepText(report));
        if (Object.keys(report.findings).length > 0) throw new ExitError(EXIT_FINDINGS);
        if (report.regions.some(({ whole, notAsked }) => !whole || notAsked > 0))
          throw new ExitError(EXIT_INCOMPLETE);
        return;
      }
      const { otlp, metricsPort, sample, rate, loads, ages } = flags;
      const state = flags.state ?? (flags.serve ? STATE_DEFAULT : undefined);
      const report = await withTelemetry(
        {
          region: mesh.set.home.id,
          ...(flags.json && { json: flags.json }),
          ...(otlp !== undefined && { otlp }),
          ...(metricsPort !== undefined && { metricsPort }),
        },
        'tidemark-verifier',
        (telemetry) =>
          follow({
            ...common,
            telemetry,
            forMs,
            ...(ages && { agesMs: ages.map((age) => durationMs(age, '--ages')) }),
            ...(sample !== undefined && { sample }),
            ...(rate !== undefined && { rate }),
            ...(loads !== undefined && { loadsPerSecond: loads }),
            ...(state !== undefined && { state }),
          }),
      );
      say(flags, { type: 'report', final: true, ...report }, reportText(report));
      if (!flags.serve) judge(report);
    });
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, end);
  }
}

function judge({ findings, ages }: VerifierReport): void {
  if (Object.keys(findings).length > 0) throw new ExitError(EXIT_FINDINGS);
  if (ages.some(({ notAsked }) => notAsked > 0)) throw new ExitError(EXIT_INCOMPLETE);
}

function checkFlags({ sweep, serve, shard, for: time, state, sample, ages, loads }: VerifyFlags): void {
  const following = { '--serve': serve, '--for': time, '--state': state, '--sample': sample, '--ages': ages };
  for (const [name, value] of Object.entries({ ...following, '--loads': loads })) {
    if (sweep && value !== undefined)
      throw new ConfigurationError(`${name} is not for a --sweep, which looks at every key once`);
  }
  if (!sweep && shard) throw new ConfigurationError('--shard is for a --sweep');
}

function share(text: string): number {
  const value = text.endsWith('%') ? Number(text.slice(0, -1)) / 100 : Number(text);
  if (text !== '' && value > 0 && value <= 1) return value;
  throw new InvalidArgumentError('Give a share above 0, such as 0.1 or 10%.');
}

/** Adds `verify`. */
export function addVerifyCommand(root: Command): void {
  withMesh(root.command('verify'))
    .description(
      'asks every tier of every region whether it keeps what is promised, and explains what does not',
    )
    .option(
      '--keyspaces <module>',
      "module that exports the services' keyspaces, and their codec: then contents are compared with the source, too",
    )
    .option(
      '--ages <list>',
      'how long after an invalidation to ask, by comma (default: 1s,10s,1m,5m)',
      (text) => text.split(','),
    )
    .option('--sample <share>', 'share of the invalidations to check (default: all)', share)
    .option(
      '--rate <keys>',
      'keys a second to ask a region for (default: 1000; of a sweep 2000)',
      wholeNumber,
    )
    .option('--loads <count>', 'loads a second for comparisons with the source (default: 20)', wholeNumber)
    .option('--state <name>', 'keep what is pending and counted in the source, and go on with it')
    .option('--for <duration>', 'end so long after it began to follow')
    .option(
      '--serve',
      `run as a service: keeps its state (default name: ${STATE_DEFAULT}), ends with 0 by a signal`,
    )
    .option('--sweep', 'instead, compare every cached entry with the source once')
    .option('--shard <index/count>', 'of a sweep: only this part of the keys, from 0', shardOf)
    .addOption(otlpOption())
    .addOption(metricsPortOption())
    .addHelpText(
      'after',
      `
Exit codes: 0 nothing was found, 1 there are findings, or it failed, 2 wrong usage or configuration, 3 nothing was found, but
part could not be asked.

Nines: 3.0 says that 99.9 % of the checks found nothing older served than the invalidation; with "≥" not one did, and their number
allows no more to be said. What can't be asked is counted apart, and never as consistent.

Examples:
  tidemark verify --regions regions/local --source shop --for 10m --keyspaces dist/keyspaces.js
  tidemark verify --regions regions/local --source shop --serve --metrics-port 9464 --sample 10%
  tidemark verify --regions regions/local --source shop --sweep --rate 500 --keyspaces dist/keyspaces.js
  tidemark verify --regions regions/local --source shop --sweep --shard 0/8 --json`,
    )
    .action(verify);
}
