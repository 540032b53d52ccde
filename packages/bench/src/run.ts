import { describeMachine } from './machine.ts';
import { type BenchReport, type ScenarioReport, summarise } from './report.ts';
import type { BenchContext, Sample, Scenario } from './scenario.ts';

/** Runs scenarios one after the other; one that fails does not keep the others from being measured. */
export async function runScenarios(
  scenarios: readonly Scenario[],
  context: BenchContext,
): Promise<BenchReport> {
  const reports: ScenarioReport[] = [];
  for (const scenario of scenarios) {
    if (context.signal.aborted) break;
    reports.push(await runScenario(scenario, context));
  }
  return { machine: await describeMachine(), scenarios: reports };
}

async function runScenario(scenario: Scenario, context: BenchContext): Promise<ScenarioReport> {
  const { name, title, how, floor } = scenario;
  const beganMs = performance.now();
  const samples: Sample[] = [];
  let failure: { readonly error?: string } = {};
  try {
    const progress = (text: string): void => context.progress(`${name}: ${text}`);
    for await (const sample of scenario.run({ ...context, progress })) {
      samples.push(sample);
      if (context.signal.aborted) break;
    }
  } catch (error) {
    failure = { error: error instanceof Error ? error.message : String(error) };
  }
  const seconds = (performance.now() - beganMs) / 1_000;
  return { name, title, how, floor, ...summarise(scenario, samples), seconds, ...failure };
}
