import { readFile, writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { campaign, type CampaignReport } from './campaign.ts';
import { explainRun } from './explain-run.ts';
import { drawPlan } from './plan/draw-plan.ts';
import { parsePlan } from './plan/parse-plan.ts';
import { FAULT_KINDS, type FaultKind, type Plan } from './plan/plan.ts';
import { formatCampaign, formatProgress } from './report.ts';
import { runPlan, traceOf } from './run/run.ts';
import { headlineOf, type Verdict, verdictOf } from './run/verdict.ts';
import { shrink } from './shrink.ts';

const MINUTE_MS = 60_000;
const SEED_MAX = 2 ** 31 - 2;
const SOAK_MINUTES = 10;
const EXIT: Readonly<Record<Verdict, number>> = { clean: 0, safety: 1, liveness: 4, crash: 5 };
const EXIT_USAGE = 2;
const EXIT_NO_FAULT = 3;
const EXIT_INTERRUPTED = 130;

interface Flags {
  readonly schedules?: number;
  readonly minutes?: number;
  readonly soak?: true;
  readonly seed?: number;
  readonly faults: readonly FaultKind[];
  readonly shrink?: true;
  readonly plan?: string;
  readonly savePlan?: string;
  readonly history?: string;
  readonly json?: true;
}

const command = new Command('npm run sim --')
  .description(
    'Runs the real engine on virtual time: its network, stores, source and clocks are simulated, and fail as a seed ' +
      'says. A seed is a schedule; the same seed does the same, step by step, on any machine.',
  )
  .option('--schedules <number>', 'run so many schedules, from --seed or 1 on (default: 2000)', whole)
  .option('--minutes <number>', 'or run for so long', positive)
  .option('--soak', `go on from a seed that the clock draws, for --minutes (default: ${SOAK_MINUTES})`)
  .option('--seed <number>', 'without --schedules: run this one schedule, and tell what happened', whole)
  .option('--plan <file>', 'run a plan that was kept, instead of drawing one')
  .option('--shrink', 'with --seed or --plan: make a bad schedule as small as it gets')
  .option('--save-plan <file>', 'with --seed or --plan: keep the plan, shrunk or not, as JSON')
  .option('--history <file>', 'with --seed or --plan: keep what happened, for `npm run check-history`')
  .option('--faults <kinds>', `only these, by comma: ${FAULT_KINDS.join(', ')}`, kinds, [...FAULT_KINDS])
  .option('--json', 'print the report as one JSON document on stdout, and nothing else')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE))
  .addHelpText(
    'after',
    '\nExit codes: 0 clean, 1 safety violated, 4 liveness violated, 5 the engine crashed, 2 wrong usage, 3 no fault happened,\n130 interrupted.' +
      '\n\nExamples:\n  npm run sim -- --schedules 10000\n  npm run sim -- --schedules 100000 --json > report.json' +
      '\n  npm run sim -- --seed 4711\n  npm run sim -- --seed 4711 --shrink --save-plan plan.json\n  npm run sim -- --plan plan.json' +
      '\n  npm run sim -- --faults store-emptied,stall --schedules 5000\n  npm run sim:soak -- --minutes 60',
  );

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1 || value > SEED_MAX) {
    throw new InvalidArgumentError(`Give a whole number from 1 to ${SEED_MAX}.`);
  }
  return value;
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('Give a number above 0.');
  return value;
}

function kinds(text: string): FaultKind[] {
  return text.split(',').map((kind) => {
    const known = FAULT_KINDS.find((each) => each === kind.trim());
    if (!known) throw new InvalidArgumentError(`There is no fault ${kind}.`);
    return known;
  });
}

/** Standard output belongs to the report with --json. */
function tell(text: string): void {
  process.stderr.write(text);
}

async function readPlan(file: string): Promise<Plan> {
  try {
    return parsePlan(await readFile(file, 'utf8'));
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

async function runOne(flags: Flags): Promise<number> {
  const progress = process.stderr.isTTY && !flags.json;
  let plan: Plan = flags.plan ? await readPlan(flags.plan) : drawPlan(flags.seed!, flags.faults);
  let result = await runPlan(plan);
  if (flags.shrink && verdictOf(result) !== 'clean') {
    const shrunk = await shrink(plan, ({ operations, faults }, runs) => {
      if (progress) tell(`\r${runs} runs: ${operations.length} operations, ${faults.length} faults   `);
    });
    if (progress) tell('\n');
    ({ plan, result } = shrunk);
  }
  const verdict = verdictOf(result);
  if (flags.savePlan) await writeFile(flags.savePlan, `${JSON.stringify(plan, null, 2)}\n`);
  if (flags.history)
    await writeFile(flags.history, result.history.map((line) => `${JSON.stringify(line)}\n`).join(''));
  if (flags.json) {
    const { violations, stuck, events, virtualMs } = result;
    const report = {
      seed: plan.seed,
      verdict,
      what: headlineOf(result),
      violations,
      stuck,
      events,
      virtualMs,
      trace: traceOf(result),
      plan,
    };
    process.stdout.write(`${JSON.stringify(report)}\n`);
  } else process.stdout.write(explainRun(result));
  return EXIT[verdict];
}

async function runMany(flags: Flags, signal: AbortSignal): Promise<number> {
  // Stacks of errors that the engine handles cost much and are never read.
  Error.stackTraceLimit = 0;
  const minutes = flags.minutes ?? (flags.soak ? SOAK_MINUTES : undefined);
  const seed = flags.seed ?? (flags.soak ? 1 + (Math.floor(Date.now() / 1_000) % (SEED_MAX / 2)) : 1);
  const progress = process.stderr.isTTY && !flags.json;
  if (flags.soak && !flags.json) tell(`from seed ${seed}\n`);
  const report: CampaignReport = await campaign({
    seed,
    schedules: flags.schedules ?? (minutes === undefined ? 2_000 : SEED_MAX - seed),
    ...(minutes !== undefined && { forMs: minutes * MINUTE_MS }),
    faults: flags.faults,
    signal,
    now: () => performance.now(),
    onProgress: (so) => {
      if (progress) tell(`\r${formatProgress(so)}`);
    },
  });
  if (progress) tell('\r\x1b[K');
  process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : formatCampaign(report));
  const worst = (['crash', 'safety', 'liveness'] as const).find((each) =>
    report.violations.some(({ verdict }) => verdict === each),
  );
  if (worst) {
    if (!flags.json)
      tell(`see what happened: npm run sim -- --seed ${report.violations[0]!.seed} --shrink\n`);
    return EXIT[worst];
  }
  if (signal.aborted) return EXIT_INTERRUPTED;
  if (Object.keys(report.faults).length > 0) return 0;
  tell('no fault happened: this run shows nothing; run more schedules\n');
  return EXIT_NO_FAULT;
}

const flags = command.parse().opts<Flags>();
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => interrupted.abort());
const one =
  flags.plan !== undefined ||
  (flags.seed !== undefined && flags.schedules === undefined && !flags.minutes && !flags.soak);
try {
  if (!one && (flags.shrink || flags.savePlan || flags.history)) {
    throw new Error(
      '--shrink, --save-plan and --history are about one schedule: give --seed or --plan, without --schedules',
    );
  }
  process.exitCode = await (one ? runOne(flags) : runMany(flags, interrupted.signal));
} catch (error) {
  tell(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = EXIT_USAGE;
}
