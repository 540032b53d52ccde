import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Region } from '@tidemark/regions';
import { vi } from 'vitest';
import type { Report } from '../src/report.ts';
import { CommandHost } from './command-host.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** What `npm start` and `npx tidemark` run. */
const START = join(ROOT, 'packages/demo/bin/start.mjs');
const TIDEMARK = join(ROOT, 'packages/cli/bin/tidemark.mjs');
const WAIT = { timeout: 60_000, interval: 20 };

export interface Ran {
  readonly code: number | string | null;
  readonly out: string;
  readonly err: string;
  readonly ms: number;
}

/** A command that goes on until it is told to end. */
export interface Following<T> {
  readonly said: readonly T[];
  /** Resolves with its exit code, or the signal that killed it. */
  end(signal: NodeJS.Signals): Promise<number | string | null>;
}

/** `npm start -- --services --by-hand`, as a process, and the `tidemark` command beside it. */
export class RunningDemo {
  readonly #demo: ChildProcess;
  readonly #lines: string[];
  readonly #report: Promise<string>;
  readonly #children = new Set<ChildProcess>();
  readonly #host = new CommandHost();
  /** Names of the commands that ran. */
  readonly #ran = new Set<string>();
  /** Folder of its region files. */
  readonly dir: string;
  /** Where it serves its metrics. */
  readonly metricsUrl: URL;

  private constructor(
    demo: ChildProcess,
    lines: string[],
    report: Promise<string>,
    said: Pick<RunningDemo, 'dir' | 'metricsUrl'>,
  ) {
    this.#demo = demo;
    this.#lines = lines;
    this.#report = report;
    this.dir = said.dir;
    this.metricsUrl = said.metricsUrl;
  }

  /** Resolves when its readers and writers are at work. */
  static async start(): Promise<RunningDemo> {
    const args = [START, '--services', '--by-hand', '--readers', '2', '--metrics-port', '0', '--json'];
    const demo = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const lines: string[] = [];
    createInterface(demo.stderr).on('line', (line) => void lines.push(line));
    const report = text(demo.stdout);
    const said = async (pattern: RegExp): Promise<string> =>
      vi.waitFor(() => {
        const found = pattern.exec(lines.join('\n'));
        if (!found) throw new Error(`the demo has not said ${String(pattern)}, but: ${lines.join('\n')}`);
        return found[1]!;
      }, WAIT);
    const metricsUrl = new URL(await said(/^metrics: (\S+)$/m));
    const dir = await said(/npx tidemark status --regions (\S+) --source cities/);
    await said(/(cuts nothing by itself)/);
    return new RunningDemo(demo, lines, report, { dir, metricsUrl });
  }

  get place(): readonly string[] {
    return ['--regions', this.dir, '--source', 'cities'];
  }

  async endpoints(region: string): Promise<Region['endpoints']> {
    const file = JSON.parse(await readFile(join(this.dir, `${region}.json`), 'utf8')) as Region;
    return file.endpoints;
  }

  async cut(region: string): Promise<void> {
    await this.#tell(`cut ${region}`, `${region} is cut off`);
  }

  async heal(region: string): Promise<void> {
    await this.#tell(`heal ${region}`, `${region} is healed`);
  }

  /** Has it compare everything, and end. */
  async end(): Promise<{ readonly code: number | null; readonly report: Report }> {
    const exited = once(this.#demo, 'exit') as Promise<[number | null]>;
    this.#demo.stdin!.write('end\n');
    const [code] = await exited;
    return { code, report: JSON.parse(await this.#report) as Report };
  }

  /** Runs a command to its end: as a process of its own, unless one by its first name was seen to start and to end. */
  async tidemark(...args: readonly string[]): Promise<Ran> {
    const beganMs = performance.now();
    const name = args[0]!;
    if (this.#ran.has(name)) return { ...(await this.#host.run(args)), ms: performance.now() - beganMs };
    this.#ran.add(name);
    const child = this.#spawn(args);
    const [out, err, [code, signal]] = await Promise.all([
      text(child.stdout!),
      text(child.stderr!),
      once(child, 'close') as Promise<[number | null, string | null]>,
    ]);
    return { code: code ?? signal, out, err, ms: performance.now() - beganMs };
  }

  /** The same on this mesh, with its one document. */
  async json<T>(...args: readonly string[]): Promise<Ran & { readonly data: T }> {
    const ran = await this.tidemark(...args, ...this.place, '--json');
    return { ...ran, data: JSON.parse(ran.out || ran.err) as T };
  }

  /** Starts a command with a line of JSON for each event. */
  follow<T>(...args: readonly string[]): Following<T> {
    const child = this.#spawn([...args, ...this.place, '--json']);
    const said: T[] = [];
    createInterface(child.stdout!).on('line', (line) => void said.push(JSON.parse(line) as T));
    child.stderr!.resume();
    const closed = once(child, 'close') as Promise<[number | null, string | null]>;
    return {
      said,
      async end(signal) {
        child.kill(signal);
        const [code, killed] = await closed;
        return code ?? killed;
      },
    };
  }

  /** Whatever happened: nothing is left. */
  async close(): Promise<void> {
    this.#host.close();
    for (const child of this.#children) child.kill('SIGKILL');
    if (this.#demo.exitCode !== null) return;
    const exited = once(this.#demo, 'exit');
    this.#demo.kill('SIGTERM');
    await exited;
  }

  #spawn(args: readonly string[]): ChildProcess {
    const child = spawn(process.execPath, [TIDEMARK, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  async #tell(line: string, answer: string): Promise<void> {
    const before = this.#lines.length;
    this.#demo.stdin!.write(`${line}\n`);
    await vi.waitFor(() => {
      if (!this.#lines.slice(before).some((each) => each.startsWith(answer)))
        throw new Error(`the demo has not said ${answer}`);
    }, WAIT);
  }
}

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  let all = '';
  stream.setEncoding('utf8');
  for await (const part of stream) all += String(part);
  return all;
}
