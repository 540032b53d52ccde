import { spawn } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import type { BadSchedule } from '../campaign.ts';
import type { Edit, Mutant } from './mutant.ts';

export const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

/** What became of a mutant; plain data. */
export interface Tried {
  readonly name: string;
  readonly without: string;
  /** What noticed it; null when nothing did. */
  readonly killedBy: string | null;
  /** Schedules until it was noticed; null for those that a test must notice. */
  readonly schedules: number | null;
  /** From the first schedule on, or of the whole test; without the time to build. */
  readonly ms: number;
}

/** A text with the edits made. @throws Error when one of them does not fit: then the list is out of date */
export function edited(text: string, edits: readonly Edit[]): string {
  return edits.reduce((before, { file, from, to }) => {
    if (before.split(from).length !== 2) throw new Error(`${file} has not exactly one: ${from}`);
    return before.replace(from, () => to);
  }, text);
}

/** Makes a mutant of the real code, in memory, and sees whether anything notices. */
export async function tryMutant(mutant: Mutant, signal: AbortSignal): Promise<Tried> {
  const { name, without } = mutant;
  const dir = await mkdtemp(join(tmpdir(), 'tidemark-mutant-'));
  try {
    const seen = mutant.test
      ? await inTest(mutant, mutant.test, dir, signal)
      : await inSimulator(mutant, dir, signal);
    return { name, without, ...seen };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

type Seen = Pick<Tried, 'killedBy' | 'schedules' | 'ms'>;

async function inSimulator(
  { edits, schedules, faults }: Mutant,
  dir: string,
  signal: AbortSignal,
): Promise<Seen> {
  const outfile = join(dir, 'trial.mjs');
  await build({
    entryPoints: [join(ROOT, 'packages/simulator/src/mutants/trial.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['@tidemark/source'],
    logLevel: 'silent',
    plugins: [edit(edits)],
  });
  const { code, out, err } = await run([outfile, JSON.stringify({ schedules, faults })], signal);
  if (code !== 0) throw new Error(`the trial broke down: ${err}`);
  const said = JSON.parse(out) as {
    readonly schedules: number;
    readonly killedBy: BadSchedule | null;
    readonly ms: number;
  };
  const { killedBy } = said;
  return {
    killedBy: killedBy && `simulator, seed ${killedBy.seed}: ${killedBy.what.split('\n')[0]!}`,
    schedules: said.schedules,
    ms: said.ms,
  };
}

async function inTest({ edits }: Mutant, test: string, dir: string, signal: AbortSignal): Promise<Seen> {
  const file = join(dir, 'edits.json');
  await writeFile(file, JSON.stringify(edits));
  const report = join(dir, 'report.json');
  const config = join(ROOT, 'packages/simulator/mutants.vitest.config.ts');
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const args = [
    vitest,
    'run',
    '--root',
    ROOT,
    '--config',
    config,
    '--reporter=json',
    `--outputFile=${report}`,
    test,
  ];
  const beganMs = performance.now();
  const { err } = await run(args, signal, { TIDEMARK_MUTANT_EDITS: file });
  let found: {
    numFailedTests: number;
    numTotalTests: number;
    testResults: { assertionResults: { status: string; fullName: string }[] }[];
  };
  try {
    found = JSON.parse(readFileSync(report, 'utf8')) as typeof found;
  } catch {
    throw new Error(`the test did not run: ${err}`);
  }
  if (found.numTotalTests === 0) throw new Error(`there is no test in ${test}`);
  const failed = found.testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .find(({ status }) => status === 'failed');
  return {
    killedBy: failed ? `${test}: ${failed.fullName}` : null,
    schedules: null,
    ms: Math.round(performance.now() - beganMs),
  };
}

/** Edits files while they are bundled. */
function edit(edits: readonly Edit[]): Plugin {
  return {
    name: 'mutant',
    setup({ onLoad, onEnd }) {
      const left = new Set(edits.map(({ file }) => file));
      onLoad({ filter: /packages\/[^/]+\/src\/.*\.ts$/ }, ({ path }) => {
        const file = relative(ROOT, realpathSync(path));
        const mine = edits.filter((each) => each.file === file);
        if (mine.length === 0) return undefined;
        left.delete(file);
        return { contents: edited(readFileSync(path, 'utf8'), mine), loader: 'ts' };
      });
      onEnd(() => {
        if (left.size > 0) throw new Error(`not part of the simulator: ${[...left].join(', ')}`);
      });
    },
  };
}

function run(
  args: readonly string[],
  signal: AbortSignal,
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: ROOT, env: { ...process.env, ...env }, signal });
    let out = '';
    let err = '';
    child.stdout.on('data', (text: Buffer) => (out += text.toString()));
    child.stderr.on('data', (text: Buffer) => (err += text.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
  });
}
