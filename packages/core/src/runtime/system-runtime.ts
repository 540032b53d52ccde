import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { coarseClock } from './coarse-clock.ts';
import type { Runtime } from '../ports/runtime.ts';

/** The real clock, timers and random source of this process. */
export const systemRuntime: Runtime = {
  monoMs: () => performance.now(),
  coarseMs: coarseClock(() => performance.now()),
  wallMs: () => Date.now(),
  random: () => Math.random(),
  randomId: () => randomBytes(12).toString('base64url'),
  timer(ms, task) {
    const handle = setTimeout(task, ms);
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};
