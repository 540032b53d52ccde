import type { Runtime } from '../ports/runtime.ts';

/** Resolves after `ms`, or at once when `signal` aborts. Never rejects. */
export function sleep(runtime: Runtime, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = runtime.timer(ms, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** Exponential back-off with full jitter: a wait in (0, min(max, first * 2^attempt)]. */
export function backoffMs(runtime: Runtime, attempt: number, firstMs: number, maxMs: number): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 20)) * (1 - runtime.random());
}
