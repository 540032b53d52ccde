import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Figures, readOutput, readProgress } from './read-output.ts';
import { RULES, type Scope, SCOPES, switchOf } from './rules.ts';

const SPECIFICATION = fileURLToPath(new URL('../spec/protocol.pml', import.meta.url));
/** Where a verifier leaves its counterexample. */
const TRAIL = 'protocol.pml.trail';
/** Depths tried, in this order, for a counterexample that people can read. */
const SHORT_DEPTHS = [60, 90, 130, 180, 250];
/** For each of them. */
const SHORT_MS = 10_000;

export interface SearchOptions {
  readonly scope: Scope;
  /** Names of rules that are switched off. */
  readonly without: readonly string[];
  readonly signal?: AbortSignal;
  /** Told how many states were seen, now and then. */
  readonly onProgress?: (states: number) => void;
}

export interface Searched extends Figures {
  /** `incomplete`: not everything was searched, and nothing was found. */
  readonly verdict: 'holds' | 'violated' | 'incomplete';
  /** What broke, as the specification words it. */
  readonly invariant: string | null;
  /** Steps that lead there. */
  readonly trail: readonly string[];
  readonly ms: number;
}

/** A mistake of the machine or of the specification. */
export class SpinError extends Error {
  override readonly name = 'SpinError';
}

/**
 * Searches all states of the specification.
 *
 * @throws SpinError when Spin or the C compiler are missing or fail; an AbortError when interrupted
 */
export async function search(options: SearchOptions): Promise<Searched> {
  const beganMs = performance.now();
  const dir = await mkdtemp(join(tmpdir(), 'tidemark-model-'));
  try {
    const tools = new Tools(dir, options);
    await tools.generate();
    const figures = await tools.verify();
    const { invariant, trail } = figures.errors > 0 ? await tools.explain() : { invariant: null, trail: [] };
    const verdict = figures.errors > 0 ? 'violated' : figures.cutShort ? 'incomplete' : 'holds';
    const never: readonly string[] | null = SCOPES[options.scope].never;
    const unreached = never === null ? [] : without(figures.unreached, never);
    return { ...figures, unreached, verdict, invariant, trail, ms: Math.round(performance.now() - beganMs) };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** One less for each of `never`: an answer may be given in two places, and be impossible in one. */
function without(texts: readonly string[], never: readonly string[]): string[] {
  const rest = [...texts];
  for (const text of never) {
    const at = rest.indexOf(text);
    if (at >= 0) rest.splice(at, 1);
  }
  return rest;
}

/** Spin, the C compiler and the verifier that they make, in one folder. */
class Tools {
  readonly #dir: string;
  readonly #options: SearchOptions;
  readonly #macros: readonly string[];

  constructor(dir: string, options: SearchOptions) {
    this.#dir = dir;
    this.#options = options;
    for (const name of options.without) if (!RULES[name]) throw new SpinError(`there is no rule ${name}`);
    this.#macros = [...SCOPES[options.scope].defines, ...options.without.map(switchOf)].map(
      (each) => `-D${each}`,
    );
  }

  async generate(): Promise<void> {
    // Without merging statements, so that each one that is never reached can be told.
    await this.#must('spin', ['-a', '-o3', ...this.#macros, SPECIFICATION]);
  }

  async verify(): Promise<Figures> {
    const { depthMax, memoryMb } = SCOPES[this.#options.scope];
    await this.#compile('verify', [...SCOPES[this.#options.scope].flags, `-DMEMLIM=${memoryMb}`]);
    let seen = '';
    const { output } = await this.#run('./verify', [`-m${depthMax}`], (text) => {
      seen += text;
      const states = readProgress(seen);
      if (states !== null) this.#options.onProgress?.(states);
    });
    const figures = readOutput(output);
    if (!figures) throw new SpinError(`the verifier broke down:\n${output.slice(-2_000)}`);
    return figures;
  }

  /** The shortest counterexample that is found soon; else the first one. */
  async explain(): Promise<Pick<Searched, 'invariant' | 'trail'>> {
    await this.#compile('shorten', ['-DREACH']);
    for (const depth of SHORT_DEPTHS) {
      const { output } = await this.#run('./shorten', ['-n', '-i', `-m${depth}`], undefined, SHORT_MS);
      if ((readOutput(output)?.errors ?? 0) > 0) break;
    }
    const { output } = await this.#run('spin', ['-t', '-T', '-k', TRAIL, ...this.#macros, SPECIFICATION]);
    return readTrail(output, await readFile(SPECIFICATION, 'utf8'));
  }

  async #compile(name: string, flags: readonly string[]): Promise<void> {
    // The source is generated; its warnings are nobody's here.
    await this.#must('gcc', ['-O2', '-w', '-DSAFETY', '-DNOCLAIM', ...flags, '-o', name, 'pan.c']);
  }

  async #must(file: string, args: readonly string[]): Promise<void> {
    const { code, output } = await this.#run(file, args);
    if (code !== 0) throw new SpinError(`${file} failed (${code}):\n${output.slice(-2_000)}`);
  }

  #run(
    file: string,
    args: readonly string[],
    onOutput?: (text: string) => void,
    timeoutMs?: number,
  ): Promise<{ readonly code: number | null; readonly output: string }> {
    const signals = [
      this.#options.signal,
      timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs),
    ];
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.any(signals.filter((each) => each !== undefined));
      const child = spawn(file, args, { cwd: this.#dir, signal, stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          output += text;
          onOutput?.(text);
        });
      }
      child.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') {
          reject(
            new SpinError(`${file} is not installed. Debian, Ubuntu: apt-get install spin gcc libc6-dev`),
          );
        } else if (error.name !== 'AbortError' || this.#options.signal?.aborted) reject(error);
      });
      child.on('close', (code) => resolve({ code, output }));
    });
  }
}

/** The steps of a replayed counterexample, and the invariant beside the assertion that failed. */
export function readTrail(replayed: string, specification: string): Pick<Searched, 'invariant' | 'trail'> {
  const lines = replayed.split('\n');
  const end = lines.findIndex((line) => line.startsWith('spin: ') && line.includes('assertion violated'));
  const at = Number(/\.pml:(\d+)/.exec(lines[end] ?? '')?.[1] ?? 0);
  const comment = /\/\* (.*?) \*\//.exec(specification.split('\n')[at - 1] ?? '')?.[1];
  return {
    invariant: comment ?? null,
    trail: lines.slice(0, Math.max(0, end)).filter((line) => line.trim() !== ''),
  };
}
