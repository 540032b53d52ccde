import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import pLimit from 'p-limit';
import type { Mutant } from './mutant.ts';
import { MUTANTS } from './mutants.ts';
import { type Tried, tryMutant } from './try-mutant.ts';

const EXIT_SURVIVED = 1;
const EXIT_FAILED = 2;
const EXIT_INTERRUPTED = 130;

interface Flags {
  readonly only?: readonly Mutant[];
  readonly jobs: number;
  readonly list?: true;
  readonly json?: true;
}

const command = new Command('npm run mutants --')
  .description(
    'Takes one rule out of the real code at a time, in memory, and sees whether the simulator, or the test that is\n' +
      'named for it, notices. A rule that nobody misses is not tested.',
  )
  .option('--only <names>', 'only these, by comma', byName)
  .option('--jobs <number>', 'how many at a time', whole, Math.max(1, availableParallelism()))
  .option('--list', 'say which there are, and do nothing')
  .option('--json', 'print the report as one JSON document on stdout, and nothing else')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : EXIT_FAILED))
  .addHelpText(
    'after',
    '\nExit codes: 0 all were killed, 1 some survived, 2 something broke down, 130 interrupted.' +
      '\n\nExamples:\n  npm run mutants\n  npm run mutants -- --only naive-cache-aside,lease-stolen\n  npm run mutants -- --json > mutants.json',
  );

function byName(text: string): Mutant[] {
  return text.split(',').map((name) => {
    const known = MUTANTS.find((each) => each.name === name.trim());
    if (!known) throw new InvalidArgumentError(`There is no mutant ${name}; see --list.`);
    return known;
  });
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('Give a whole number from 1.');
  return value;
}

function line({ name, killedBy, schedules, ms }: Tried): string {
  const effort = `${schedules === null ? '' : `${schedules} schedules, `}${(ms / 1_000).toFixed(1)} s`;
  return `${killedBy === null ? 'SURVIVED' : 'killed  '}  ${name.padEnd(34)} ${effort.padEnd(24)} ${killedBy ?? ''}\n`;
}

async function main(): Promise<number> {
  const flags = command.parse().opts<Flags>();
  const wanted = flags.only ?? MUTANTS;
  if (flags.list) {
    process.stdout.write(wanted.map(({ name, without }) => `${name.padEnd(34)} ${without}\n`).join(''));
    return 0;
  }
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => interrupted.abort());
  const limit = pLimit(flags.jobs);
  const broken: string[] = [];
  const tried = await Promise.all(
    wanted.map((mutant) =>
      limit(async () => {
        if (interrupted.signal.aborted) return [];
        try {
          const tried = await tryMutant(mutant, interrupted.signal);
          if (!flags.json) process.stdout.write(line(tried));
          return [tried];
        } catch (error) {
          if (!interrupted.signal.aborted)
            broken.push(`${mutant.name}: ${error instanceof Error ? error.message : String(error)}\n`);
          return [];
        }
      }),
    ),
  );
  if (interrupted.signal.aborted) return EXIT_INTERRUPTED;
  const mutants = tried.flat();
  const survived = mutants.filter(({ killedBy }) => killedBy === null).map(({ name }) => name);
  if (flags.json) process.stdout.write(`${JSON.stringify({ mutants, survived })}\n`);
  else process.stdout.write(`${mutants.length - survived.length} of ${mutants.length} killed\n`);
  process.stderr.write(broken.join(''));
  if (broken.length > 0) return EXIT_FAILED;
  return survived.length === 0 ? 0 : EXIT_SURVIVED;
}

process.exitCode = await main();
