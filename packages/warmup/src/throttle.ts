import { setTimeout as sleep } from 'node:timers/promises';
import {
  type LiveLatency,
  type LiveProbe,
  lookedAt,
  NOT_LOOKED_AT,
  shareAfter,
  suffers,
} from './live-latency.ts';
import { newPace, type Pace, paced } from './pace.ts';

export interface ThrottleOptions {
  /** Keys a second, at most. Left out: no such limit. */
  readonly rateMax?: number;
  readonly probes: readonly LiveProbe[];
  /** Backs off when a probe takes longer than this many times the usual. */
  readonly slowdownMax: number;
}

const LOOK_EVERY_MS = 200;
/** Before anything is done: what is usual is what it takes then. */
const LOOKS_BEFORE = 3;
const REST_MAX_MS = 5_000;

/** Keeps a warm-up from being felt: a rate, and less of it while live traffic waits longer than usual. */
export class Throttle {
  readonly #options: ThrottleOptions;
  readonly #latencies: LiveLatency[];
  #pace: Pace | null;
  #share = 1;

  constructor(options: ThrottleOptions) {
    this.#options = options;
    this.#latencies = options.probes.map(() => NOT_LOOKED_AT);
    const { rateMax } = options;
    this.#pace = rateMax === undefined ? null : newPace({ rateMax, slowdownMax: 1 }, performance.now());
  }

  /** Of full speed, 0 to 1. */
  readonly share = (): number => this.#share;

  /** Resolves when it is known what live traffic usually waits for; goes on looking until the signal. */
  async watch(signal: AbortSignal): Promise<void> {
    if (this.#options.probes.length === 0) return;
    for (let i = 0; i < LOOKS_BEFORE && !signal.aborted; i += 1) await this.#look();
    void this.#goOn(signal);
  }

  /** Waits for the turn of so many keys. */
  async turn(keys: number, signal: AbortSignal): Promise<void> {
    if (!this.#pace) return;
    const turn = paced(this.#pace, keys, performance.now());
    this.#pace = turn.pace;
    await sleep(Math.max(0, turn.atMs - performance.now()), undefined, { signal });
  }

  /** After work of so many ms: the rest that keeps it to its share of the time. */
  readonly rest = async (workedMs: number, signal: AbortSignal): Promise<void> => {
    if (this.#share === 1) return;
    const restMs = Math.min(REST_MAX_MS, workedMs * (1 / this.#share - 1));
    await sleep(restMs, undefined, { signal });
  };

  async #goOn(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(LOOK_EVERY_MS, undefined, { signal, ref: false }).catch(() => {});
      if (signal.aborted) return;
      await this.#look();
      const { slowdownMax } = this.#options;
      const isSuffering = this.#latencies.some((each) => suffers(each, slowdownMax));
      this.#share = shareAfter(this.#share, isSuffering);
    }
  }

  async #look(): Promise<void> {
    await Promise.all(
      this.#options.probes.map(async (probe, i) => {
        const ms = await probe.measureMs().catch(() => null);
        this.#latencies[i] = lookedAt(this.#latencies[i]!, ms);
      }),
    );
  }
}
