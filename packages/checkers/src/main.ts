import { readFile } from 'node:fs/promises';
import { checkHistory } from './check.ts';
import { parseLines, toHistory } from './history.ts';
import { explain } from './explain.ts';

const EXIT_VIOLATED = 1;
const EXIT_FAILED = 2;
const USAGE =
  'Judges a history that `npm run chaos -- --keep DIR` kept.\n\n' +
  'Usage: npm run check-history -- DIR/history.jsonl\n' +
  'Exit codes: 0 no violation, 1 violations, 2 the file is not a history.\n';

async function main(): Promise<number> {
  const [file, ...more] = process.argv.slice(2);
  if (file === undefined || more.length > 0 || file.startsWith('-')) {
    process.stderr.write(USAGE);
    return file === '--help' ? 0 : EXIT_FAILED;
  }
  try {
    const history = toHistory(parseLines(await readFile(file, 'utf8')));
    const violations = checkHistory(history);
    const { reads, writes, faults } = history;
    process.stdout.write(
      `${reads.length} reads, ${writes.length} writes, ${faults.length} faults: ${violations.length} violations\n`,
    );
    if (violations.length === 0) return 0;
    process.stderr.write(explain(violations, history));
    return EXIT_VIOLATED;
  } catch (error) {
    process.stderr.write(`${file}: ${error instanceof Error ? error.message : String(error)}\n`);
    return EXIT_FAILED;
  }
}

process.exitCode = await main();
