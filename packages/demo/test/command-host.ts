import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const HOST = fileURLToPath(new URL('command-host.mjs', import.meta.url));
const PROGRAM = new URL('../../cli/dist/main.js', import.meta.url).href;

export interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** One process that runs many commands, as they were built: to start one takes a second of CPU, and most of what it does does not. */
export class CommandHost {
  #child: ChildProcess | null = null;
  #next = 0;
  readonly #waiting = new Map<number, { resolve(answer: Answer): void; reject(error: Error): void }>();

  run(args: readonly string[]): Promise<Answer> {
    this.#child ??= this.#start();
    const id = (this.#next += 1);
    const answer = new Promise<Answer>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#child.send({ id, args });
    return answer;
  }

  close(): void {
    this.#child?.kill('SIGKILL');
  }

  #start(): ChildProcess {
    const child = fork(HOST, [PROGRAM], { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    child.on('message', ({ id, ...answer }: Answer & { readonly id: number }) => {
      this.#waiting.get(id)?.resolve(answer);
      this.#waiting.delete(id);
    });
    child.once('exit', (code, signal) => {
      for (const { reject } of this.#waiting.values())
        reject(new Error(`commands ended with ${code ?? signal}`));
      this.#waiting.clear();
    });
    return child;
  }
}
