import { beforeAll, expect, it, vi } from 'vitest';
import { ensureBuild } from '../../testbed/bin/bootstrap.mjs';
import type { Sample, Scenario } from '../src/scenario.ts';
import { getMany } from '../src/scenarios/get-many.ts';
import { l1Hit } from '../src/scenarios/l1-hit.ts';
import { memory } from '../src/scenarios/memory.ts';
import { redisDown } from '../src/scenarios/redis-down.ts';
import { staleSet } from '../src/scenarios/stale-set.ts';
import { stampede } from '../src/scenarios/stampede.ts';
import { SCENARIOS } from '../src/catalogue.ts';

// Other libraries are installed by `npm run bench` only.
const peers = vi.hoisted(() => new Set<string>());
vi.mock(import('../src/subjects.ts'), async (original) => {
  const subjects = await original();
  for (const each of subjects.PEERS) peers.add(each);
  return { ...subjects, PEERS: [] as unknown as typeof subjects.PEERS };
});

// Subjects are processes, which run what is built.
beforeAll(ensureBuild);

async function quickly(scenario: Scenario): Promise<Sample[]> {
  const context = { rounds: 1, quick: true, signal: new AbortController().signal, progress: () => {} };
  const samples: Sample[] = [];
  for await (const sample of scenario.run(context)) samples.push(sample);
  return samples;
}

function valuesOf(samples: readonly Sample[], metric: string): number[] {
  return samples
    .filter((each) => each.subject === 'tidemark' && each.metric === metric)
    .map(({ value }) => value);
}

// Hits of L2 are measured as `getMany` is.
it.each([l1Hit, getMany, memory, stampede, staleSet, redisDown])(
  '$name measures what it declares, its floor and ours',
  async (scenario) => {
    const samples = await quickly(scenario);
    const subjects = new Set(samples.map(({ subject }) => subject));
    expect(subjects).toContain('tidemark');
    if (scenario.floor !== null) expect(subjects).toContain(scenario.floor);
    expect([...new Set(samples.map(({ metric }) => metric))].toSorted()).toEqual(
      scenario.metrics.map(({ name }) => name).toSorted(),
    );
    // Of few entries a collection may leave less than there was before.
    const least = scenario === memory ? Number.NEGATIVE_INFINITY : 0;
    expect(samples.filter(({ value }) => !Number.isFinite(value) || value < least)).toEqual([]);
    for (const { metric, subject, against } of scenario.targets) {
      if (against !== undefined && peers.has(against)) continue;
      for (const each of [subject, ...(against === undefined ? [] : [against])])
        expect(samples.some((sample) => sample.subject === each && sample.metric === metric)).toBe(true);
    }
    // What is counted is the same on any machine.
    if (scenario === stampede) {
      for (const metric of ['loads, 1 process', 'loads, 4 processes'])
        expect(valuesOf(samples, metric)).toEqual([1]);
    }
    if (scenario === staleSet) expect(valuesOf(samples, 'stale')).toEqual([0]);
  },
  120_000,
);

it('the report has a row for each of the scenarios that were promised', () => {
  expect(SCENARIOS.map(({ name }) => name)).toEqual([
    'l1-hit',
    'l2-hit-1',
    'l2-hit-64',
    'get-many',
    'memory',
    'stampede',
    'stale-set',
    'lost-message',
    'propagation-region',
    'propagation-cross',
    'write-overhead',
    'write-overhead-in-memory',
    'relay-throughput',
    'resync',
    'redis-down',
    'replay',
    'warmup',
    'cold-start',
  ]);
});
