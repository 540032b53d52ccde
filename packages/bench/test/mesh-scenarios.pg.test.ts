import { beforeAll, expect, it } from 'vitest';
import { ensureBuild } from '../../testbed/bin/bootstrap.mjs';
import { coldStart } from '../src/mesh/cold-start.ts';
import { propagationCross, propagationRegion } from '../src/mesh/propagation.ts';
import { relayThroughput } from '../src/mesh/relay.ts';
import { replay } from '../src/mesh/replay.ts';
import { resync } from '../src/mesh/resync.ts';
import { warmup } from '../src/mesh/warmup.ts';
import { writeOverhead, writeOverheadInMemory } from '../src/mesh/writes.ts';
import type { Sample, Scenario } from '../src/scenario.ts';
import { lostMessage } from '../src/scenarios/lost-message.ts';

// Subjects are processes, which run what is built.
beforeAll(ensureBuild);

async function quickly(scenario: Scenario): Promise<Sample[]> {
  const context = { rounds: 1, quick: true, signal: new AbortController().signal, progress: () => {} };
  const samples: Sample[] = [];
  for await (const sample of scenario.run(context)) samples.push(sample);
  return samples;
}

// Figures are the machine's; that a scenario runs, and yields what its table, floor and targets name, is ours.
it.each([
  lostMessage,
  propagationRegion,
  propagationCross,
  writeOverhead,
  writeOverheadInMemory,
  relayThroughput,
  resync,
  replay,
  warmup,
  coldStart,
])('$name measures what it declares', async (scenario) => {
  const samples = await quickly(scenario);
  const subjects = new Set(samples.map(({ subject }) => subject));
  const metrics = new Set(samples.map(({ metric }) => metric));
  expect(metrics).toEqual(new Set(scenario.metrics.map(({ name }) => name)));
  expect(samples.every(({ value }) => Number.isFinite(value) && value >= 0)).toBe(true);
  if (scenario.floor !== null) expect(subjects).toContain(scenario.floor);
  for (const { subject, metric } of scenario.targets) {
    expect(samples.some((sample) => sample.subject === subject && sample.metric === metric)).toBe(true);
  }
});
