import type { Runtime } from '../ports/runtime.ts';
import { sleep } from './sleep.ts';

/** Lets a loop wait for a signal or a timeout; signals that come early are not lost. */
export class Wakeup {
  readonly #runtime: Runtime;
  #controller = new AbortController();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Ends the current wait, or makes the next one return at once. */
  wake(): void {
    // With a reason: else each one makes an exception, stack and all.
    this.#controller.abort('woken');
  }

  async wait(ms: number): Promise<void> {
    await sleep(this.#runtime, ms, this.#controller.signal);
    this.#controller = new AbortController();
  }
}
