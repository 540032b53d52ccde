import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'nats';
import type { Sample, Scenario } from '../scenario.ts';
import { quantile } from '../statistics.ts';
import { type BenchNode, BenchRegions, items, onFeed, untilFresh } from './bench-regions.ts';

const WRITES = 300;
const ONE_WAY_MS = 40;
const LOST_AFTER_MS = 30_000;

/** From the return of a write to the news of it at another process of its region. */
export const propagationRegion: Scenario = {
  name: 'propagation-region',
  title: 'Propagation inside a region',
  how: 'From the return of `write` in one node to the invalidation at another node of the region, which drops its L1 entry at that moment; one write at a time. The floor is one NATS message between two connections.',
  floor: 'NATS message',
  metrics: [
    { name: 'p50', unit: 'ms', better: 'lower' },
    { name: 'p99', unit: 'ms', better: 'lower' },
  ],
  targets: [],
  async *run({ rounds, quick, progress }): AsyncGenerator<Sample> {
    const regions = await BenchRegions.start(['us']);
    try {
      const writer = await regions.node('us');
      const reader = await regions.node('us');
      await untilFresh([writer, reader]);
      const arrivals = await Arrivals.at(reader);
      const writes = quick ? 20 : WRITES;
      for (let round = 0; round <= rounds; round += 1) {
        progress(`round ${round} of ${rounds}`);
        const floor = await messageTimes(regions.natsOf('us').url, writes);
        const took = await writeTimes(writer, arrivals, writes, 1, 0);
        if (round > 0) yield* [...figures('NATS message', floor), ...figures('tidemark', took)];
      }
    } finally {
      await regions.close();
    }
  },
};

/** The same to another region, 40 ms away, at rest and under load. */
export const propagationCross: Scenario = {
  name: 'propagation-cross',
  title: `Propagation to a region ${ONE_WAY_MS} ms away`,
  how: 'From the return of `write` to the invalidation at a node of another region; each way between the regions takes 40 ms. Under load, 10 transactions of 10 (100 for 5,000/s: of 50) keys each change so many keys a second; writer, reader, both appliers and the relay share one process here, and two cores with all servers.',
  floor: 'one way',
  metrics: [
    { name: 'p50', unit: 'ms', better: 'lower' },
    { name: 'p99', unit: 'ms', better: 'lower' },
    { name: 'rate', unit: 'events/s', better: 'higher' },
  ],
  targets: [
    {
      says: 'at rest: p50 at most one way + 5 ms',
      metric: 'p50',
      subject: 'at rest',
      atMost: ONE_WAY_MS + 5,
    },
    {
      says: 'at 1,000/s: p99 at most one way + 25 ms',
      metric: 'p99',
      subject: '1,000 writes/s',
      atMost: ONE_WAY_MS + 25,
    },
  ],
  async *run({ rounds, quick, progress }): AsyncGenerator<Sample> {
    const regions = await BenchRegions.start(['us', 'eu'], ONE_WAY_MS);
    try {
      const writer = await regions.node('us');
      const reader = await regions.node('eu');
      await untilFresh([writer, reader]);
      const arrivals = await Arrivals.at(reader);
      for (let round = 0; round <= rounds; round += 1) {
        progress(`round ${round} of ${rounds}`);
        const rest = await writeTimes(writer, arrivals, quick ? 10 : 50, 1, 10);
        const thousand = await load(writer, arrivals, {
          perSecond: 1_000,
          keys: 10,
          ms: quick ? 300 : 2_000,
        });
        const five = await load(writer, arrivals, { perSecond: 5_000, keys: 50, ms: quick ? 300 : 2_000 });
        if (round === 0) continue;
        yield { subject: 'one way', metric: 'p50', value: ONE_WAY_MS };
        yield { subject: 'one way', metric: 'p99', value: ONE_WAY_MS };
        yield* figures('at rest', rest);
        for (const [subject, { took, perSecond }] of [
          ['1,000 writes/s', thousand],
          ['5,000 writes/s', five],
        ] as const) {
          yield* figures(subject, took);
          yield { subject, metric: 'rate', value: perSecond };
        }
      }
    } finally {
      await regions.close();
    }
  },
};

/** When invalidations came to a node. */
class Arrivals {
  readonly #waiting = new Map<string, (atMs: number) => void>();
  /** Those that came before anybody waited: the news may be faster than the answer to the write. */
  readonly #early = new Map<string, number>();

  static async at({ bus }: BenchNode): Promise<Arrivals> {
    const arrivals = new Arrivals();
    await onFeed(bus, (what) => arrivals.#came(what));
    return arrivals;
  }

  #came(what: string): void {
    const nowMs = performance.now();
    const waiter = this.#waiting.get(what);
    if (waiter) waiter(nowMs);
    else this.#early.set(what, nowMs);
    if (this.#early.size > 100_000) this.#early.clear();
  }

  /** Resolves with when it came. */
  async of(what: string): Promise<number> {
    const early = this.#early.get(what);
    if (early !== undefined) return early;
    try {
      return await new Promise<number>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`${what} never came`)), LOST_AFTER_MS);
        this.#waiting.set(what, (atMs) => {
          clearTimeout(timer);
          resolve(atMs);
        });
      });
    } finally {
      this.#waiting.delete(what);
    }
  }
}

/** Milliseconds from the return of a transaction to the arrival of each of its invalidations. */
async function write(writer: BenchNode, arrivals: Arrivals, ids: readonly number[]): Promise<number[]> {
  const { invalidations } = await writer.node.write(async (tx) => {
    for (const id of ids) tx.bump(items, { id });
  });
  const returnedMs = performance.now();
  const came = await Promise.all(invalidations.map(({ key, version }) => arrivals.of(`${key} ${version.n}`)));
  return came.map((atMs) => Math.max(0, atMs - returnedMs));
}

async function writeTimes(
  writer: BenchNode,
  arrivals: Arrivals,
  writes: number,
  keys: number,
  pauseMs: number,
): Promise<number[]> {
  const took: number[] = [];
  for (let i = 0; i < writes; i += 1) {
    const ids = Array.from({ length: keys }, (_, k) => 1 + ((i * keys + k) % 10_000));
    took.push(...(await write(writer, arrivals, ids)));
    if (pauseMs > 0) await sleep(pauseMs);
  }
  return took;
}

interface Load {
  readonly perSecond: number;
  /** Of one transaction. */
  readonly keys: number;
  readonly ms: number;
}

/** Writes at a steady rate, whatever the earlier ones take. */
async function load(
  writer: BenchNode,
  arrivals: Arrivals,
  { perSecond, keys, ms }: Load,
): Promise<{ readonly took: number[]; readonly perSecond: number }> {
  const everyMs = (1_000 * keys) / perSecond;
  const beganMs = performance.now();
  const writes: Promise<number[]>[] = [];
  while (performance.now() - beganMs < ms) {
    const due = Math.floor((performance.now() - beganMs) / everyMs);
    while (writes.length <= due) {
      const first = writes.length * keys;
      writes.push(
        write(
          writer,
          arrivals,
          Array.from({ length: keys }, (_, k) => 1 + ((first + k) % 10_000)),
        ),
      );
    }
    await sleep(1);
  }
  const took = (await Promise.all(writes)).flat();
  return { took, perSecond: took.length / ((performance.now() - beganMs) / 1_000) };
}

/** Milliseconds of single messages between two connections. */
async function messageTimes(url: string, count: number): Promise<number[]> {
  const [from, to] = await Promise.all([connect({ servers: url }), connect({ servers: url })]);
  const took: number[] = [];
  try {
    let arrived: (() => void) | null = null;
    to.subscribe('bench.floor', { callback: () => arrived?.() });
    await to.flush();
    for (let i = 0; i < count; i += 1) {
      const beganMs = performance.now();
      await new Promise<void>((resolve) => {
        arrived = resolve;
        from.publish('bench.floor', 'x');
      });
      took.push(performance.now() - beganMs);
    }
  } finally {
    await Promise.all([from.close(), to.close()]);
  }
  return took;
}

function figures(subject: string, took: readonly number[]): Sample[] {
  return [
    { subject, metric: 'p50', value: quantile(took, 0.5) },
    { subject, metric: 'p99', value: quantile(took, 0.99) },
  ];
}
