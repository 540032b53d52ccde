import { startEnvironment } from '../environment.ts';
import type { Sample, Scenario } from '../scenario.ts';
import { closeAll, openSubjects, PEERS } from '../subjects.ts';

const ENTRIES = 100_000;

/** Heap of an L1, by entry. */
export const memory: Scenario = {
  name: 'memory',
  title: 'Memory of an L1 entry',
  how: '100,000 entries of about 200 bytes of JSON are loaded in a fresh process; heap after garbage collection, less the heap before, by entry.',
  floor: 'lru-cache',
  metrics: [{ name: 'heap', unit: 'bytes', better: 'lower' }],
  targets: [
    {
      says: 'at most 1.5 times the raw LRU',
      metric: 'heap',
      subject: 'tidemark',
      against: 'lru-cache',
      atMost: 1.5,
    },
  ],
  async *run({ rounds, quick, progress }): AsyncGenerator<Sample> {
    const environment = await startEnvironment();
    const entries = quick ? 500 : ENTRIES;
    try {
      // The figure hardly varies, and each needs a process of its own.
      for (let round = 1; round <= Math.min(rounds, 3); round += 1) {
        for (const name of ['lru-cache', 'tidemark', ...PEERS]) {
          progress(`round ${round}: ${name}`);
          const wish = { redis: false, l1: true, bus: false, entriesMax: ENTRIES + 1 };
          const processes = await openSubjects(environment, [name], wish);
          try {
            const value = await processes[0]!.ask('bytesPerEntry', entries);
            yield { subject: name, metric: 'heap', value };
          } finally {
            await closeAll(processes);
          }
        }
      }
    } finally {
      await environment.close();
    }
  },
};
