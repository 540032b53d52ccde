import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { bounded, type TidemarkNode, TidemarkError } from '@tidemark/core';
import type { SqlExecutor } from '@tidemark/core';
import type pg from 'pg';
import { cities } from './city.ts';
import type { Oracle } from './oracle.ts';
import type { Propagation } from './propagation.ts';
import { type Random, seededRandom, weightedPicker } from './random.ts';

/** The promise that the demo's bounded reads ask for. */
const BOUND_MS = 2_000;

/** For one node; with fewer of them its writer writes less often too. */
const READERS_USUAL = 64;
const READER_PAUSE_MS = 40;
const WRITER_PAUSE_MS = 80;

export interface WorkloadNode {
  readonly region: string;
  readonly node: TidemarkNode<SqlExecutor>;
  /** Writes behind the library's back, by plain SQL. */
  readonly pool: pg.Pool;
}

export interface WorkloadCounts {
  writesBehindTheLibrary: number;
  /** Reads that could not be answered within their promise and said so. */
  readsRefused: number;
  writesRefused: number;
}

export interface WorkloadSize {
  readonly seed: number;
  /** On each node; its writer keeps pace with them. */
  readonly readers: number;
}

/** Readers and writers that run until they are stopped. */
export class Workload {
  readonly counts: WorkloadCounts = { writesBehindTheLibrary: 0, readsRefused: 0, writesRefused: 0 };
  readonly #nodes: readonly WorkloadNode[];
  readonly #ids: readonly number[];
  readonly #weights: readonly number[];
  readonly #size: WorkloadSize;
  readonly #oracle: Oracle;
  readonly #propagation: Propagation;
  readonly #stopping = new AbortController();
  #running: Promise<void>[] = [];

  constructor(
    nodes: readonly WorkloadNode[],
    rows: readonly { readonly id: number; readonly population: number }[],
    size: WorkloadSize,
    oracle: Oracle,
    propagation: Propagation,
  ) {
    this.#nodes = nodes;
    this.#ids = rows.map(({ id }) => id);
    this.#weights = rows.map(({ population }) => population + 1);
    this.#size = size;
    this.#oracle = oracle;
    this.#propagation = propagation;
  }

  start(): void {
    const { seed, readers } = this.#size;
    const writerPauseMs = (WRITER_PAUSE_MS * READERS_USUAL) / readers;
    // Every reader and writer waits on it while it pauses.
    setMaxListeners(this.#nodes.length * (readers + 1), this.#stopping.signal);
    this.#nodes.forEach((each, i) => {
      const random = seededRandom(seed * 1_000 + i);
      const pick = weightedPicker(this.#weights, random);
      for (let reader = 0; reader < readers; reader += 1) {
        this.#running.push(
          this.#loop(READER_PAUSE_MS, random, () => this.#read(each, this.#ids[pick()]!, random)),
        );
      }
      this.#running.push(
        this.#loop(writerPauseMs, random, () => this.#write(each, this.#ids[pick()]!, random)),
      );
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
  }

  async #loop(pauseMs: number, random: Random, step: () => Promise<void>): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await step();
      await sleep(pauseMs * (0.5 + random()), undefined, { signal }).catch(() => {});
    }
  }

  async #read({ node }: WorkloadNode, id: number, random: Random): Promise<void> {
    const beganMs = performance.now();
    const promised = random() < 0.5;
    try {
      const city = await node.get(cities, { id }, promised ? { consistency: bounded(BOUND_MS) } : {});
      if (promised && city) this.#oracle.checkBounded(id, city.revision, beganMs, BOUND_MS);
    } catch (error) {
      this.#refused(error);
      this.counts.readsRefused += 1;
    }
  }

  async #write({ region, node, pool }: WorkloadNode, id: number, random: Random): Promise<void> {
    const rename = random() < 0.2;
    const change = rename
      ? `name = trim(trailing '*' from name) || repeat('*', 1 + revision % 3)`
      : 'population = population + 1';
    const update = `update cities set ${change}, revision = revision + 1 where id = $1 returning revision`;
    try {
      if (random() < 0.34) {
        const { rows } = await pool.query<{ revision: number }>(update, [id]);
        this.#oracle.acked(id, rows[0]!.revision, performance.now());
        this.counts.writesBehindTheLibrary += 1;
        return;
      }
      const committed = await node.write((tx) => tx.one<{ revision: number }>(update, [id]));
      this.#oracle.acked(id, committed.value.revision, performance.now());
      this.#propagation.committed(region, committed);
    } catch (error) {
      this.#refused(error);
      this.counts.writesRefused += 1;
    }
  }

  /** A region that is cut off can't reach the source; any other failure is a defect of the demo. */
  #refused(error: unknown): void {
    const { code } = error as { code?: unknown };
    const expected =
      error instanceof TidemarkError ||
      typeof code === 'string' ||
      /timeout|terminated|closed/i.test(String(error));
    if (!expected) throw error;
  }
}
