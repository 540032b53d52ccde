import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { explain } from '@tidemark/checkers';
import { AGES_MS } from '@tidemark/verifier';
import { type Duration, durationMs } from '@tidemark/core';
import { Command, InvalidArgumentError, Option } from 'commander';
import { FAULTS_FOR, type Rule, RULES } from './break-rules.ts';
import { describeFinding } from './beside.ts';
import { FAULT_KINDS, type FaultKind } from './plan.ts';
import { formatReport } from './report.ts';
import { run } from './run.ts';

const MINUTE_MS = 60_000;
const EXIT_VIOLATED = 1;
const EXIT_FAILED = 2;
const EXIT_NO_FAULT = 3;
const EXIT_INTERRUPTED = 130;

interface Flags {
  readonly minutes: number;
  readonly seed: number;
  readonly faults: readonly FaultKind[];
  readonly break?: Rule;
  readonly keys: number;
  readonly rate: number;
  readonly regions: string;
  readonly keep?: string;
  readonly verify?: true | readonly number[];
  readonly json?: true;
}

const command = new Command('npm run chaos --')
  .description(
    'Three regions of real Redis, NATS and node processes over one Postgres, under faults that a seed draws.\n' +
      'Every read and write is recorded; checkers that share no code with the engine judge the record.',
  )
  .option('--minutes <number>', 'how long to work', positive, 5)
  .option('--seed <number>', 'draws the faults: the same seed, the same plan', whole, 1)
  .option('--faults <kinds>', `only these, by comma: ${FAULT_KINDS.join(', ')}`, kinds, [])
  .addOption(
    new Option('--break <rule>', `switch a rule off, to see the checkers fail`).choices(Object.keys(RULES)),
  )
  .option('--keys <number>', 'rows in the table', whole, 200)
  .option(
    '--rate <number>',
    'reads a second of each of the six nodes; a tenth of it are writes',
    positive,
    40,
  )
  .option(
    '--regions <dir>',
    'folder of region files',
    fileURLToPath(new URL('../../../regions/local', import.meta.url)),
  )
  .option('--keep <dir>', 'keep the history there, as history.jsonl, and what the processes said')
  .option(
    '--verify [ages]',
    'run a verifier beside the faults, at these ages (default: 1s,10s,1m,5m); the run fails when it finds something',
    (text: string) => text.split(',').map((age) => durationMs(age as Duration, '--verify')),
  )
  .option('--json', 'print the report as one JSON document on stdout, and nothing else')
  .addHelpText(
    'after',
    `\nRules that can be switched off:\n${Object.entries(RULES)
      .map(([rule, what]) => `  ${rule.padEnd(10)} ${what}${needs(rule as Rule)}`)
      .join('\n')}` +
      '\n\nExit codes: 0 no violation and at least one fault, 1 violations or findings of --verify, 2 the run broke down, 3 no fault happened, 130 interrupted.' +
      '\n\nExamples:\n  npm run chaos -- --minutes 1\n  npm run chaos -- --minutes 5 --seed 7 --json > report.json\n  npm run chaos -- --minutes 5 --verify' +
      '\n  npm run chaos -- --faults redis-rolled-back,region-cut --keep /tmp/run\n  npm run chaos -- --minutes 0.5 --break tidemark' +
      '\n  npm run check-history -- /tmp/run/history.jsonl',
  );

function needs(rule: Rule): string {
  const faults = FAULTS_FOR[rule];
  return faults ? ` (with ${faults.join(' and ')})` : '';
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('Give a number above 0.');
  return value;
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0 || value > 2 ** 31 - 2)
    throw new InvalidArgumentError('Give a whole number from 0.');
  return value;
}

function kinds(text: string): FaultKind[] {
  return text.split(',').map((kind) => {
    const known = FAULT_KINDS.find((each) => each === kind.trim());
    if (!known) throw new InvalidArgumentError(`There is no fault ${kind}.`);
    return known;
  });
}

async function main(): Promise<number> {
  const flags = command.parse().opts<Flags>();
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => interrupted.abort());
  const dir = flags.keep ? resolve(flags.keep) : await mkdtemp(join(tmpdir(), 'tidemark-chaos-'));
  await mkdir(dir, { recursive: true });
  // Of an earlier run: this one's history is made of all parts in the folder.
  for (const name of await readdir(dir)) if (name.endsWith('.jsonl')) await rm(join(dir, name));
  try {
    const { report, history } = await run({
      durationMs: flags.minutes * MINUTE_MS,
      seed: flags.seed,
      faults: flags.faults,
      broken: flags.break ?? null,
      keys: Math.max(1, flags.keys),
      rate: flags.rate,
      regionsDir: flags.regions,
      verify: flags.verify === undefined ? null : flags.verify === true ? AGES_MS : flags.verify,
      dir,
      signal: interrupted.signal,
    });
    process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : formatReport(report));
    const found = report.verifier?.findings ?? [];
    if (found.length > 0) process.stderr.write('The verifier beside the run found:\n');
    for (const finding of found) process.stderr.write(describeFinding(finding));
    if (report.violations.length > 0) process.stderr.write(explain(report.violations, history));
    if (report.violations.length + found.length > 0) return EXIT_VIOLATED;
    if (Object.keys(report.faults).length > 0) return 0;
    process.stderr.write('no fault happened: this run shows nothing; give it more time\n');
    return EXIT_NO_FAULT;
  } catch (error) {
    if (interrupted.signal.aborted) return EXIT_INTERRUPTED;
    process.stderr.write(`the run broke down: ${error instanceof Error ? error.stack : String(error)}\n`);
    return EXIT_FAILED;
  } finally {
    if (!flags.keep) await rm(dir, { recursive: true, force: true });
  }
}

// By itself Node 20 may never end: its own tear-down waits for channels of children that were killed.
process.exit(await main());
