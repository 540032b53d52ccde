import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { Plan } from '../src/plan/plan.ts';
import { runPlan } from '../src/run/run.ts';
import { headlineOf } from '../src/run/verdict.ts';

const PLANS = fileURLToPath(new URL('plans', import.meta.url));

/** Shrunk plans that once broke the engine. Seeds rot when the generator changes; plans do not. */
it.each(readdirSync(PLANS))('%s breaks nothing any more', async (file) => {
  const plan = JSON.parse(readFileSync(join(PLANS, file), 'utf8')) as Plan;
  expect(headlineOf(await runPlan(plan))).toBe('clean');
});
