import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Server, ServerKind } from './server.ts';
import { watch } from './watchdog.ts';

/** What an earlier life leaves running may have the last word. */
const TOO_SOON_LINES = 8;
const READY_POLL_MS = 15;
const READY_MAX_MS = 20_000;
const STOP_MAX_MS = 8_000;
const LOG_LINES_MAX = 12;

/** How to start a server. */
export interface ServerCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly uid?: number;
  readonly gid?: number;
}

/** One server: at most one process at a time, on one port and one folder. */
export class ServerProcess implements Server {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly url: string;
  readonly dir: string;
  readonly #kind: ServerKind;
  readonly #release: () => Promise<void>;
  #child: ChildProcess | null = null;
  #exited: Promise<void> = Promise.resolve();

  constructor(kind: ServerKind, dir: string, port: number, release: () => Promise<void>) {
    this.#kind = kind;
    this.#release = release;
    this.dir = dir;
    this.port = port;
    this.url = kind.url(port);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async start(): Promise<void> {
    if (this.#child) return;
    const dataDir = this.#dataDir();
    await mkdir(dataDir, { recursive: true });
    const command = await this.#kind.command({ dir: this.dir, dataDir, port: this.port });
    const untilMs = Date.now() + READY_MAX_MS;
    let child = this.#spawn(command);
    while (Date.now() < untilMs) {
      if (this.#child !== child) {
        if (!this.#kind.tooSoon?.test(await this.#logTail(TOO_SOON_LINES))) break;
        child = this.#spawn(command);
      }
      const ready = await this.#kind.ready(this.port).catch(() => false);
      if (ready && this.#child === child) return;
      await sleep(READY_POLL_MS);
    }
    const line = [command.file, ...command.args].join(' ');
    const what = this.#child === child ? `did not answer within ${READY_MAX_MS} ms` : 'did not start';
    await this.kill();
    throw new Error(`${this.#kind.name} ${what}: ${line}\n${await this.#logTail()}`);
  }

  async stop(): Promise<void> {
    await this.#end(this.#kind.stopSignal);
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async wipe(): Promise<void> {
    if (this.#child) throw new Error(`${this.#kind.name} is running; stop it before wiping its data`);
    await this.#kind.sweep?.(this.#dataDir());
    await rm(this.#dataDir(), { recursive: true, force: true });
  }

  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async close(): Promise<void> {
    await this.stop();
    await this.wipe();
    await this.#release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #dataDir(): string {
    return join(this.dir, 'data');
  }

  #spawn({ file, args, ...options }: ServerCommand): ChildProcess {
    const log = openSync(join(this.dir, 'log'), 'a');
    const child = spawn(file, [...args], { stdio: ['ignore', log, log], cwd: this.dir, ...options });
    closeSync(log);
    const { pid } = child;
    if (pid !== undefined) watch({ verb: 'pid', what: pid, signal: this.#kind.orphanSignal });
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      const gone = (): void => {
        if (pid !== undefined) watch({ verb: 'no-pid', what: pid });
        if (this.#child === child) this.#child = null;
        resolve();
      };
      child.once('error', gone);
      child.once('exit', gone);
    });
    return child;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child) return;
    child.kill(signal);
    if (signal !== 'SIGKILL') child.kill('SIGCONT'); // A stopped process hears nothing else.
    const exited = this.#exited.then(() => true);
    // Without a ref: a pending timer would keep the process alive after the tests.
    if (!(await Promise.race([exited, sleep(STOP_MAX_MS, false, { ref: false })]))) child.kill('SIGKILL');
    await exited;
  }

  async #logTail(lines = LOG_LINES_MAX): Promise<string> {
    const log = await readFile(join(this.dir, 'log'), 'utf8').catch(() => '');
    return log.trimEnd().split('\n').slice(-lines).join('\n');
  }
}
