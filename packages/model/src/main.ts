import { Command, Option } from 'commander';
import { formatSearched } from './report.ts';
import { RULES, type Scope, SCOPES } from './rules.ts';
import { search, type Searched } from './spin.ts';

const EXIT_UNEXPECTED = 1;
const EXIT_FAILED = 2;
const EXIT_INTERRUPTED = 130;

interface Flags {
  readonly scope: Scope;
  readonly without?: string;
  readonly rules?: true;
  readonly json?: true;
}

/** One search, and whether it ended as it should. */
interface Result extends Searched {
  readonly without: readonly string[];
  readonly expected: 'holds' | 'violated';
  readonly asExpected: boolean;
}

const command = new Command('npm run model --')
  .description(
    'The core of the protocol, searched exhaustively by Spin: every state that a small world can reach.\n' +
      'Without options: the whole protocol, which must hold.',
  )
  .addOption(
    new Option('--scope <scope>', 'how much there is in the world')
      .choices(Object.keys(SCOPES))
      .default('small'),
  )
  .addOption(
    new Option('--without <rule>', 'switch a rule off, and see what becomes of it').choices(
      Object.keys(RULES),
    ),
  )
  .option('--rules', 'the whole protocol, then without each of its rules')
  .option('--json', 'print the results as one JSON document on stdout, and nothing else')
  .addHelpText(
    'after',
    `\nRules:\n${Object.entries(RULES)
      .map(([name, { what, expected, partner }]) => {
        const verdict = partner ? `redundant beside ${partner}` : expected;
        return `  ${name.padEnd(16)} ${what}: ${verdict}`;
      })
      .join('\n')}` +
      '\n\nExit codes: 0 all ended as expected, 1 something did not, 2 the run broke down, 130 interrupted.' +
      '\n\nExamples:\n  npm run model\n  npm run model -- --without tidemark-fill\n  npm run model -- --rules --json' +
      '\n  npm run model -- --scope large',
  );

/** The sets of rules to do without, each with what should come of it. */
function searches({
  without,
  rules,
  scope,
}: Flags): { without: string[]; scope: Scope; expected: Result['expected'] }[] {
  const names = without === undefined ? (rules ? Object.keys(RULES) : []) : [without];
  const whole = without === undefined ? [{ without: [], scope, expected: 'holds' as const }] : [];
  return [
    ...whole,
    ...names.flatMap((name) => {
      const { expected, partner, scope: own = scope } = RULES[name]!;
      const alone = {
        without: [name],
        scope: own,
        expected: expected === 'violated' ? expected : ('holds' as const),
      };
      return partner
        ? [alone, { without: [name, partner], scope: own, expected: 'violated' as const }]
        : [alone];
    }),
  ];
}

async function main(): Promise<number> {
  const flags = command.parse().opts<Flags>();
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => interrupted.abort());
  const results: Result[] = [];
  try {
    for (const { without, scope, expected } of searches(flags)) {
      const title = without.length === 0 ? 'the whole protocol' : `without ${without.join(' and ')}`;
      process.stderr.write(`searching ${title} (scope ${scope})\n`);
      const searched = await search({
        scope,
        without,
        signal: interrupted.signal,
        onProgress: progress(),
      });
      const vacuous = without.length === 0 && searched.unreached.length > 0;
      const result = {
        ...searched,
        without,
        expected,
        asExpected: searched.verdict === expected && !vacuous,
      };
      results.push(result);
      if (!flags.json) process.stdout.write(formatSearched(title, result));
    }
  } catch (error) {
    if (interrupted.signal.aborted) return EXIT_INTERRUPTED;
    process.stderr.write(`the run broke down: ${error instanceof Error ? error.message : String(error)}\n`);
    return EXIT_FAILED;
  }
  if (flags.json) process.stdout.write(`${JSON.stringify({ results })}\n`);
  return results.every(({ asExpected }) => asExpected) ? 0 : EXIT_UNEXPECTED;
}

/** One line for each new million of states. */
function progress(): (states: number) => void {
  let told = 0;
  return (states) => {
    if (states <= told) return;
    told = states;
    process.stderr.write(`  ${states / 1e6} million states\n`);
  };
}

process.exitCode = await main();
