import type { Telemetry } from '@tidemark/core';
import type { Mesh } from '@tidemark/inspect';
import {
  type Contents,
  sweep,
  type SweepReport,
  Verifier,
  type VerifierFinding,
  type VerifierOptions,
  type VerifierReport,
} from '@tidemark/verifier';
import { say } from './place-flags.ts';
import { findingText, liveLine } from './verify-text.ts';

/** Under which a verifier that serves keeps its state. */
export const STATE_DEFAULT = 'verifier';
const LIVE_MS = 500;
const LINE_MS = 5_000;

export interface FollowOptions extends Pick<
  VerifierOptions,
  'agesMs' | 'sample' | 'rate' | 'loadsPerSecond' | 'state'
> {
  readonly mesh: Mesh;
  readonly contents: Contents | null;
  readonly telemetry: Telemetry;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Ends it so long after it began to follow, ms; null: only `signal` does. */
  readonly forMs?: number | null;
  readonly json?: true;
}

/** A line that is redrawn on a terminal; nothing elsewhere. */
export class LiveLine {
  readonly #out = process.stderr.isTTY === true ? process.stderr : null;

  get isLive(): boolean {
    return this.#out !== null;
  }

  draw(text: string): void {
    this.#out?.write(`\r\u001B[2K${text.slice(0, Math.max(20, (this.#out.columns ?? 80) - 1))}`);
  }

  clear(): void {
    this.#out?.write('\r\u001B[2K');
  }
}

/** Verifies until `signal` ends it, and says how it goes. */
export async function follow({
  signal,
  json,
  forMs = null,
  ...options
}: FollowOptions): Promise<VerifierReport> {
  const live = new LiveLine();
  const tell = (data: object, text: string): void => {
    live.clear();
    say(json ? { json } : {}, data, text);
  };
  const verifier = new Verifier({
    ...options,
    onFinding: (finding: VerifierFinding) => tell({ type: 'finding', ...finding }, findingText(finding)),
    onState(what) {
      const texts = {
        waiting: 'another verifier has this state: waits for it to end',
        taken: 'goes on with what is saved',
        superseded: 'another verifier took over this state: nothing is saved any more',
      };
      if (what !== 'taken' || options.state) tell({ type: 'state', what }, texts[what]);
    },
  });
  let end = (): void => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  const starting = verifier.start();
  let timer: NodeJS.Timeout | undefined;
  let ending: NodeJS.Timeout | undefined;
  try {
    await Promise.race([starting, ended]);
    const regions = options.mesh.regions.map(({ region }) => region.id);
    if (!signal.aborted) tell({ type: 'following', regions }, `follows ${regions.join(', ')}; Ctrl-C ends`);
    if (forMs !== null) ending = setTimeout(end, forMs);
    const show = (): void => {
      const report = verifier.report();
      if (json) say({ json }, { type: 'report', ...report }, '');
      else if (live.isLive) live.draw(liveLine(report));
      else say({}, report, liveLine(report));
    };
    timer = setInterval(show, live.isLive && !json ? LIVE_MS : LINE_MS);
    await ended;
  } finally {
    clearInterval(timer);
    clearTimeout(ending);
    await verifier.stop();
    await starting.catch(() => {});
    live.clear();
  }
  return verifier.report();
}

export interface SweepFlags {
  readonly mesh: Mesh;
  readonly contents: Contents | null;
  readonly rate?: number;
  readonly shard?: { readonly index: number; readonly count: number };
  readonly signal: AbortSignal;
  readonly json?: true;
}

/** Sweeps once, and says how it goes. */
export async function sweepOnce({ json, ...options }: SweepFlags): Promise<SweepReport> {
  const live = new LiveLine();
  const beganMs = performance.now();
  let lastMs = beganMs;
  let before = 0;
  let region = '';
  const report = await sweep({
    ...options,
    onFinding(finding) {
      live.clear();
      say(json ? { json } : {}, { type: 'finding', ...finding }, findingText(finding));
    },
    onProgress(progress) {
      if (progress.region !== region) {
        region = progress.region;
        before = performance.now();
      }
      const nowMs = performance.now();
      if (nowMs - lastMs < (live.isLive ? LIVE_MS : LINE_MS)) return;
      lastMs = nowMs;
      const rate = (1_000 * progress.keys) / Math.max(1, nowMs - before);
      const shards = options.shard?.count ?? 1;
      const left = Math.max(0, progress.total / shards - progress.keys);
      const text = `${region}: ${progress.keys} keys, about ${Math.round(left)} left, ${Math.round(rate)}/s, ETA ${Math.ceil(left / Math.max(1, rate))} s`;
      if (json) say({ json }, { type: 'progress', ...progress }, '');
      else if (live.isLive) live.draw(text);
      else process.stderr.write(`${text}\n`);
    },
  });
  live.clear();
  return report;
}
