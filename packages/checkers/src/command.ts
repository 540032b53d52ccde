import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { Command } from 'commander';
import { checkHistory } from './check.ts';
import { explain } from './explain.ts';
import { toHistory } from './history.ts';
import { readLines } from './read-history.ts';
import type { Violation } from './violation.ts';

const EXIT_VIOLATED = 1;
const EXIT_FAILED = 2;
const STDIN = '-';
/** So many violations of a file are in the JSON document; their number is in it anyhow. */
const VIOLATIONS_MAX = 1_000;

export interface Streams {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** What `--json` says of one file. */
interface Verdict {
  readonly file: string;
  readonly reads: number;
  readonly writes: number;
  readonly faults: number;
  readonly unfinished: number;
  readonly unknown: number;
  readonly violated: number;
  readonly violations: readonly Violation[];
}

interface Failure {
  readonly file: string;
  readonly error: string;
}

/** Judges files of histories. @returns the exit code: 0 clean, 1 violations, 2 wrong usage or no history */
export async function checkFiles(args: readonly string[], streams: Streams): Promise<number> {
  const { stdout, stderr } = streams;
  let failed: number | null = null;
  const command = new Command('npm run check-history --')
    .description('Judges what a run recorded, real or simulated. The format: docs/reference/history.md.')
    .argument('<file...>', 'histories, each judged by itself; - is standard input')
    .option('--json', 'print the verdicts as one JSON document on stdout, and nothing else')
    .addHelpText(
      'after',
      '\nExit codes: 0 nothing is broken, 1 violations, 2 wrong usage, or a file that cannot be read or is no history.' +
        '\n\nExamples:\n  npm run chaos -- --minutes 1 --keep /tmp/run\n  npm run check-history -- /tmp/run/history.jsonl' +
        '\n  zcat old.jsonl.gz | npm run check-history -- - --json',
    )
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) })
    .exitOverride((error) => {
      failed = error.exitCode === 0 ? 0 : EXIT_FAILED;
      throw error;
    });
  try {
    command.parse(args, { from: 'user' });
  } catch (error) {
    if (failed === null) throw error;
    return failed;
  }
  const files = command.args;
  const { json } = command.opts<{ json?: true }>();
  if (files.filter((file) => file === STDIN).length > 1) {
    stderr.write('error: standard input can be read once\n');
    return EXIT_FAILED;
  }
  const verdicts: (Verdict | Failure)[] = [];
  for (const file of files) {
    const tell = (text: string): unknown =>
      json || stdout.write(files.length > 1 ? `${file}: ${text}\n` : `${text}\n`);
    verdicts.push(await judge(file, streams, tell));
  }
  if (json) stdout.write(`${JSON.stringify({ files: verdicts })}\n`);
  if (verdicts.some((verdict) => 'error' in verdict)) return EXIT_FAILED;
  return verdicts.some((verdict) => 'violated' in verdict && verdict.violated > 0) ? EXIT_VIOLATED : 0;
}

async function judge(
  file: string,
  { stdin, stderr }: Streams,
  tell: (text: string) => unknown,
): Promise<Verdict | Failure> {
  try {
    const input = file === STDIN ? stdin : createReadStream(file, 'utf8');
    const { lines, unfinished, unknown } = await readLines(
      createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }),
    );
    const history = toHistory(lines);
    const violations = checkHistory(history);
    const counts = {
      reads: history.reads.length,
      writes: history.writes.length,
      faults: history.faults.length,
    };
    tell(
      `${counts.reads} reads, ${counts.writes} writes, ${counts.faults} faults: ${violations.length} violations`,
    );
    if (unfinished > 0) stderr.write(`${file}: ${unfinished} lines are cut short, and left out\n`);
    if (unknown.size > 0) stderr.write(`${file}: lines of unknown types are left out: ${listed(unknown)}\n`);
    if (violations.length > 0) stderr.write(explain(violations, history));
    return {
      file,
      ...counts,
      unfinished,
      unknown: [...unknown.values()].reduce((sum, count) => sum + count, 0),
      violated: violations.length,
      violations: violations.slice(0, VIOLATIONS_MAX),
    };
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    stderr.write(`${file}: ${words}\n`);
    return { file, error: words };
  }
}

function listed(unknown: ReadonlyMap<string, number>): string {
  return [...unknown].map(([type, count]) => `${count} ${JSON.stringify(type)}`).join(', ');
}
