import { performance } from 'node:perf_hooks';
import { decodeMessage, startNode } from '@tidemark/core';
import type { Sample, Scenario } from '../scenario.ts';
import { BenchRegions } from './bench-regions.ts';

const BACKLOG = 200_000;
const TRANSACTION = 1_000;
const PATIENCE_MS = 120_000;

/** How fast a relay tells of a backlog. */
export const relayThroughput: Scenario = {
  name: 'relay-throughput',
  title: 'Relay throughput',
  how: 'The changelog holds 200,000 changes that no relay told of; one starts, and is followed on its stream until all have come: changelog to Postgres client, message, JetStream acknowledgement, consumer.',
  floor: null,
  metrics: [{ name: 'events', unit: 'events/s', better: 'higher' }],
  targets: [{ says: 'at least 50,000 events/s', metric: 'events', subject: 'relay', atLeast: 50_000 }],
  async *run({ rounds, quick, progress }): AsyncGenerator<Sample> {
    const backlog = quick ? 2_000 : BACKLOG;
    for (let round = 1; round <= Math.min(rounds, 5); round += 1) {
      const regions = await BenchRegions.start(['us']);
      try {
        progress(`round ${round}: a backlog is written`);
        const source = regions.source();
        // A relay begins where an earlier one ended.
        await (await relayOf(regions)).close();
        for (let first = 0; first < backlog; first += TRANSACTION) {
          await source.transaction(async (_, bump) => {
            for (let id = first; id < first + TRANSACTION; id += 1) bump(`item:${id}`);
          });
        }
        progress(`round ${round}: it is told`);
        const bus = await regions.bus('us');
        let came = 0;
        let firstMs = 0;
        const all = new Promise<number>((resolve, reject) => {
          const timer = setTimeout(() => reject(new Error(`${came} of ${backlog} came`)), PATIENCE_MS);
          void bus.follow('us', {
            onMessage({ data }) {
              const decoded = decodeMessage(data);
              if (!decoded.ok || decoded.message.kind !== 'changes') return;
              came += decoded.message.invalidations.length;
              if (came < backlog) return;
              clearTimeout(timer);
              resolve(performance.now());
            },
            onDiscontinuity: () => {},
          });
        });
        firstMs = performance.now();
        const relay = await relayOf(regions);
        const lastMs = await all;
        await relay.close();
        yield { subject: 'relay', metric: 'events', value: backlog / ((lastMs - firstMs) / 1_000) };
      } finally {
        await regions.close();
      }
    }
  },
};

/** A process that is nothing but a relay, and has told of what there was when this resolves. */
async function relayOf(regions: BenchRegions): Promise<{ close(): Promise<void> }> {
  const bus = await regions.bus('us');
  const node = await startNode({
    keyspaces: [],
    bus,
    source: regions.source(),
    roles: { relay: true, applier: false },
  });
  return node;
}
