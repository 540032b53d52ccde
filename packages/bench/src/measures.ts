import { performance } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import type { Subject } from './subject.ts';

/** Random ids, drawn beforehand: drawing must not be measured. A power of two long. */
const ORDER_LENGTH = 1 << 16;

/** A fixed sequence (a Weyl sequence mixed): the same for every subject. */
export function order(keys: number): Uint32Array {
  return Uint32Array.from({ length: ORDER_LENGTH }, (_, i) => {
    let mixed = Math.imul(i + 1, 0x9e3779b1) >>> 0;
    mixed ^= mixed >>> 15;
    return (Math.imul(mixed, 0x85ebca6b) >>> 0) % keys;
  });
}

/** Operations per second of `await get`, one at a time. */
export async function awaitedRate(subject: Subject, keys: number, ms: number): Promise<number> {
  const ids = order(keys);
  let done = 0;
  const began = performance.now();
  let now = began;
  for (; now - began < ms; now = performance.now()) {
    for (let i = 0; i < 1_000; i += 1) await subject.get(ids[(done + i) & (ORDER_LENGTH - 1)]!);
    done += 1_000;
    // Timers of the subject must run, as they do in a service.
    await turn();
  }
  return done / ((now - began) / 1_000);
}

/** Operations per second of a read without a promise. */
export async function peekRate(subject: Subject, keys: number, ms: number): Promise<number> {
  const ids = order(keys);
  let done = 0;
  let found = 0;
  const began = performance.now();
  let now = began;
  for (; now - began < ms; now = performance.now()) {
    for (let i = 0; i < 10_000; i += 1) {
      if (subject.peek!(ids[(done + i) & (ORDER_LENGTH - 1)]!) !== undefined) found += 1;
    }
    done += 10_000;
    await turn();
  }
  if (found < done) throw new Error(`${done - found} of ${done} peeks found nothing`);
  return done / ((now - began) / 1_000);
}

export interface Latencies {
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** `readers` that read one key after the other, each awaiting its own. */
export async function concurrentReads(
  read: (id: number) => Promise<unknown>,
  keys: number,
  readers: number,
  ms: number,
): Promise<Latencies> {
  const ids = order(keys);
  const took: number[] = [];
  const began = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: readers }, async () => {
      for (let now = performance.now(); now - began < ms;) {
        await read(ids[next++ & (ORDER_LENGTH - 1)]!);
        const ended = performance.now();
        took.push(ended - now);
        now = ended;
      }
    }),
  );
  const seconds = (performance.now() - began) / 1_000;
  const sorted = Float64Array.from(took).toSorted();
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]! * 1_000;
  return { perSecond: took.length / seconds, p50Us: at(0.5), p99Us: at(0.99) };
}
