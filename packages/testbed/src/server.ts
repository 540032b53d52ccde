import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './ports.ts';
import { makeTempDir, removeTempDir } from './temp-dir.ts';
import { watch } from './watchdog.ts';

const READY_POLL_MS = 15;
const READY_MAX_MS = 20_000;
const STOP_MAX_MS = 8_000;
const START_ATTEMPTS = 3;

/** A real server process on loopback, in a temporary folder. */
export interface Server extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly url: string;
  /** Configuration, log and data. */
  readonly dir: string;
  readonly pid: number | undefined;
  /** Starts it again on the same port and data; resolves when it answers. */
  start(): Promise<void>;
  /** Graceful; keeps the data. */
  stop(): Promise<void>;
  /** SIGKILL; keeps the data. */
  kill(): Promise<void>;
  /** Deletes the data of a stopped server. */
  wipe(): Promise<void>;
  /** SIGSTOP: it hangs, its connections stay open. */
  pause(): void;
  resume(): void;
  /** Stops it and deletes everything. */
  close(): Promise<void>;
}

/** What differs between kinds of servers. */
export interface ServerKind {
  readonly name: string;
  /** Binary and arguments; may write configuration into `dir`. Data belongs into `dataDir`. */
  command(at: { dir: string; dataDir: string; port: number }): Promise<{
    readonly file: string;
    readonly args: readonly string[];
    readonly env?: NodeJS.ProcessEnv;
    readonly uid?: number;
    readonly gid?: number;
  }>;
  readonly stopSignal: NodeJS.Signals;
  /** Asks the server, over its own protocol, whether it serves; false or rejects when not yet. */
  ready(port: number): Promise<boolean>;
  url(port: number): string;
}

/** Starts a server on a free port; tries again when somebody else takes the port first. */
export async function startServer(kind: ServerKind): Promise<Server> {
  const dir = await makeTempDir(kind.name);
  for (let attempt = 1; ; attempt += 1) {
    const server = new ServerProcess(kind, dir, await freePort());
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.kill();
      if (attempt === START_ATTEMPTS) {
        await removeTempDir(dir);
        throw error;
      }
      await server.wipe();
    }
  }
}

class ServerProcess implements Server {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly url: string;
  readonly dir: string;
  readonly #kind: ServerKind;
  #child: ChildProcess | null = null;
  #exited: Promise<void> = Promise.resolve();

  constructor(kind: ServerKind, dir: string, port: number) {
    this.#kind = kind;
    this.dir = dir;
    this.port = port;
    this.url = kind.url(port);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async start(): Promise<void> {
    if (this.#child) return;
    const dataDir = join(this.dir, 'data');
    await mkdir(dataDir, { recursive: true });
    const { file, args, ...options } = await this.#kind.command({ dir: this.dir, dataDir, port: this.port });
    const log = join(this.dir, 'log');
    const { openSync, closeSync } = await import('node:fs');
    const fd = openSync(log, 'a');
    const child = spawn(file, [...args], { stdio: ['ignore', fd, fd], cwd: this.dir, ...options });
    closeSync(fd);
    this.#child = child;
    let failure: Error | null = null;
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => {
        failure = error;
        resolve();
      });
      child.once('exit', () => resolve());
    });
    const { pid } = child;
    if (pid !== undefined) watch('pid', pid);
    void this.#exited.then(() => {
      if (pid !== undefined) watch('no-pid', pid);
      if (this.#child === child) this.#child = null;
    });
    const untilMs = Date.now() + READY_MAX_MS;
    while (this.#child === child && Date.now() < untilMs) {
      if (await this.#kind.ready(this.port).catch(() => false)) return;
      await sleep(READY_POLL_MS);
    }
    const tail = (await readFile(log, 'utf8').catch(() => '')).split('\n').slice(-12).join('\n');
    throw new Error(`${this.#kind.name} did not start (${file} ${args.join(' ')}):\n${String(failure ?? '')}${tail}`);
  }

  async stop(): Promise<void> {
    await this.#end(this.#kind.stopSignal);
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async wipe(): Promise<void> {
    if (this.#child) throw new Error(`stop ${this.#kind.name} before wiping its data`);
    await rm(join(this.dir, 'data'), { recursive: true, force: true });
  }

  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async close(): Promise<void> {
    await this.stop();
    await removeTempDir(this.dir);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child) return;
    child.kill(signal);
    if (signal !== 'SIGKILL') child.kill('SIGCONT'); // A stopped process hears nothing else.
    const inTime = await Promise.race([
      this.#exited.then(() => true),
      sleep(STOP_MAX_MS, false, { ref: false }),
    ]);
    if (!inTime) child.kill('SIGKILL');
    await this.#exited;
  }
}
