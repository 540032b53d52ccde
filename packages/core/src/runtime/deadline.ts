import type { Runtime } from '../ports/runtime.ts';

/** What a promise that did not settle in time gives. */
export const LATE = Symbol('late');

/** The promise's outcome, or `LATE` when `ms` passed first; Infinity waits for as long as it takes. */
export function within<T>(runtime: Runtime, ms: number, promise: Promise<T>): Promise<T | typeof LATE> {
  if (ms === Number.POSITIVE_INFINITY) return promise;
  return new Promise((resolve, reject) => {
    const timer = runtime.timer(ms, () => resolve(LATE));
    promise.finally(() => timer.cancel()).then(resolve, reject);
  });
}
