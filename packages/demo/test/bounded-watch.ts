import { bounded, type SqlExecutor, type TidemarkNode } from '@tidemark/core';
import { items } from './regions-harness.ts';

const BOUND_MS = 1_000;
/** Between two reads of the watch, ms: it must not starve what it watches. */
const PAUSE_MS = 10;

/** Writes numbers to item 1 and remembers when each was acknowledged. */
export class BoundedWatch {
  readonly violations: string[] = [];
  readonly #acknowledged: { readonly n: number; readonly atMs: number }[] = [];
  readonly #write: (value: string) => Promise<unknown>;
  #n = 1_000;
  #reads = 0;
  #stopped = false;
  readonly #graceMs: number;
  readonly #watching: Promise<void>[];

  /**
   * Reads of the nodes that are bounded to 1 s are watched until `stop`; `graceMs` is what an uneven
   * clock of theirs may add.
   */
  constructor(
    nodes: readonly TidemarkNode<SqlExecutor>[],
    write: (value: string) => Promise<unknown>,
    graceMs = 0,
  ) {
    this.#write = write;
    this.#graceMs = graceMs;
    this.#watching = nodes.map((node) => this.#watch(node));
  }

  /** The value written. */
  async write(): Promise<string> {
    this.#n += 1;
    const n = this.#n;
    await this.#write(String(n));
    this.#acknowledged.push({ n, atMs: performance.now() });
    return String(n);
  }

  /** How many reads it watched. */
  async stop(): Promise<number> {
    this.#stopped = true;
    await Promise.all(this.#watching);
    return this.#reads;
  }

  async #watch(node: TidemarkNode<SqlExecutor>): Promise<void> {
    while (!this.#stopped) {
      const beganMs = performance.now();
      const found = await node.get(items, { id: 1 }, { consistency: bounded(BOUND_MS) }).catch(() => null);
      this.#reads += 1;
      const due =
        this.#acknowledged.findLast(({ atMs }) => atMs < beganMs - BOUND_MS - this.#graceMs)?.n ?? 0;
      if (found && Number(found.value) < due) {
        this.violations.push(`${found.value} was read after ${due} had been acknowledged for ${BOUND_MS} ms`);
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
