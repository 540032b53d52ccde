import type { Runtime } from '../ports/runtime.ts';
import type { SourceOfTruth } from '../ports/source.ts';
import type { Label } from '../protocol/dependency.ts';

const BATCH_MAX = 512;

/** What the primary said about some keys. */
export interface Checked {
  /** One for each key asked, in order. */
  readonly labels: readonly Label[];
  /** When it was asked, on the node's monotonic clock: the labels are no older. */
  readonly askedAtMs: number;
}

interface Waiter {
  readonly keys: readonly string[];
  resolve(checked: Checked): void;
  reject(error: unknown): void;
}

/** Asks the primary for versions; the checks of one turn of the event loop travel together. */
export class LabelBatcher {
  readonly #source: SourceOfTruth;
  readonly #runtime: Runtime;
  #waiting: Waiter[] = [];

  constructor(source: SourceOfTruth, runtime: Runtime) {
    this.#source = source;
    this.#runtime = runtime;
  }

  ask(keys: readonly string[]): Promise<Checked> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) process.nextTick(this.#flush);
      this.#waiting.push({ keys, resolve, reject });
    });
  }

  readonly #flush = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let start = 0; start < waiting.length; start += BATCH_MAX) {
      void this.#send(waiting.slice(start, start + BATCH_MAX));
    }
  };

  async #send(waiters: readonly Waiter[]): Promise<void> {
    try {
      const askedAtMs = this.#runtime.monoMs();
      const keys = [...new Set(waiters.flatMap((waiter) => waiter.keys))];
      const { versions, scopes } = await this.#source.labels(keys);
      const labels = new Map(
        keys.map((key, i): [string, Label] => [key, { key, version: versions[i]!, scope: scopes[i]! }]),
      );
      for (const waiter of waiters) {
        waiter.resolve({ labels: waiter.keys.map((key) => labels.get(key)!), askedAtMs });
      }
    } catch (error) {
      for (const waiter of waiters) waiter.reject(error);
    }
  }
}
