import { Command, InvalidArgumentError } from 'commander';
import { SCENARIOS } from './catalogue.ts';
import { runScenarios } from './run.ts';
import { tables } from './table.ts';
import { writeDocs } from './write-docs.ts';

interface Flags {
  readonly only?: readonly string[];
  readonly rounds: number;
  readonly quick?: boolean;
  readonly json?: boolean;
  readonly writeDocs?: string;
}

const collect = (name: string, names: readonly string[] = []): readonly string[] => {
  if (SCENARIOS.some((scenario) => scenario.name === name)) return [...names, name];
  throw new InvalidArgumentError(
    `there is no ${name}; choose from ${SCENARIOS.map((each) => each.name).join(', ')}`,
  );
};

const count = (text: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0 && value <= 1_000) return value;
  throw new InvalidArgumentError('give a whole number from 1 to 1,000');
};

const program = new Command('npm run bench --')
  .description('Measures Tidemark against floors and peers: each figure beside the others of the same run.')
  .option(
    '--only <name>',
    `one scenario, may be repeated: ${SCENARIOS.map((each) => each.name).join(', ')}`,
    collect,
  )
  .option('--rounds <number>', 'rounds of each scenario', count, 7)
  .option('--quick', 'small sizes: shows that it works, not how fast it is')
  .option('--json', 'print the report as one JSON document on stdout, and nothing else')
  .option('--write-docs <folder>', 'write benchmarks.md and its charts there')
  .addHelpText(
    'after',
    `
Ratios count; absolute figures are those of your machine. Exit codes: 0 measured, 1 a scenario ended early, 2 wrong
usage, 130 interrupted.

Examples:
  npm run bench -- --only l1-hit
  npm run bench -- --only l2-hit-1 --only l2-hit-64 --rounds 15
  npm run bench -- --json > report.json`,
  )
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse();

const flags: Flags = program.opts();
const stop = new AbortController();
process.once('SIGINT', () => {
  process.stderr.write('stopping: servers and processes are closed\n');
  stop.abort();
});

const chosen = SCENARIOS.filter(({ name }) => flags.only?.includes(name) ?? true);
const report = await runScenarios(chosen, {
  rounds: flags.quick ? 1 : flags.rounds,
  quick: flags.quick ?? false,
  signal: stop.signal,
  progress(text) {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${text}`);
  },
});
if (process.stderr.isTTY) process.stderr.write('\r\u001b[2K');
if (flags.writeDocs !== undefined) await writeDocs(report, flags.writeDocs);
process.stdout.write(`${flags.json ? JSON.stringify(report) : tables(report)}\n`);
process.exitCode = stop.signal.aborted
  ? 130
  : report.scenarios.some(({ error }) => error !== undefined)
    ? 1
    : 0;
