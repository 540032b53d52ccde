import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { METHODS, OpenMessage } from './child.ts';

type Methods = typeof METHODS;
type Answer<M extends keyof Methods> = Awaited<ReturnType<Methods[M]>>;

interface Waiter {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

const STOP_MS = 3_000;
/** As it is built, from its sources too: what compiles at its start measures itself. */
const CHILD = fileURLToPath(new URL('../dist/child.js', import.meta.url));

/** One subject in its own process, asked by messages. */
export class SubjectProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #waiters = new Map<number, Waiter>();
  #asked = 0;

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    child.on('message', ({ id, result, error }: { id: number; result?: unknown; error?: string }) => {
      const waiter = this.#waiters.get(id);
      this.#waiters.delete(id);
      if (error === undefined) waiter?.resolve(result);
      else waiter?.reject(new Error(`${name}: ${error}`));
    });
    child.on('exit', (code) => {
      for (const waiter of this.#waiters.values())
        waiter.reject(new Error(`${name}: its process ended (${code})`));
      this.#waiters.clear();
    });
  }

  /** Starts a process and opens the subject in it. */
  static async open(message: OpenMessage): Promise<SubjectProcess> {
    const child = fork(CHILD, {
      execArgv: ['--expose-gc'],
      // Some subjects write a line for each error; what fails here is answered.
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
    });
    const process = new SubjectProcess(message.name, child);
    await process.ask('open', message);
    return process;
  }

  ask<M extends keyof Methods>(method: M, ...args: Parameters<Methods[M]>): Promise<Answer<M>> {
    return new Promise((resolve, reject) => {
      this.#asked += 1;
      this.#waiters.set(this.#asked, { resolve: resolve as (result: unknown) => void, reject });
      this.#child.send({ id: this.#asked, method, args });
    });
  }

  /** Lets it close; one that doesn't is killed. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    await this.ask('close').catch(() => {});
    if (this.#child.connected) this.#child.disconnect();
    await ended;
    clearTimeout(timer);
  }
}
