import type { Runtime } from '../ports/runtime.ts';
import type { AnyKeyspace } from './options.ts';

/** Weight of the latest load in the mean: about the last ten count. */
const LATEST = 0.2;

/** How long loads take: an exponentially weighted mean for each keyspace of this node, so bounded by their number. */
export class LoadTimes {
  readonly #meansMs = new Map<string, number>();

  add(keyspace: string, ms: number): void {
    const known = this.#meansMs.get(keyspace);
    this.#meansMs.set(keyspace, known === undefined ? ms : known + LATEST * (ms - known));
  }

  /** The mean, ms; 0 while nothing was loaded here. */
  of(keyspace: string): number {
    return this.#meansMs.get(keyspace) ?? 0;
  }
}

/** Whether a read of a value with `leftMs` before the end of its TTL should have it reloaded. */
export function isDue(keyspace: AnyKeyspace, leftMs: number, times: LoadTimes, runtime: Runtime): boolean {
  if (leftMs <= 0) return true;
  const loadMs = times.of(keyspace.name);
  if (leftMs >= keyspace.early.windowMs(loadMs)) return false;
  return keyspace.early.isDue(leftMs, loadMs, runtime.random());
}
