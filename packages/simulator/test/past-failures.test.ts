import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { parsePlan } from '../src/plan/parse-plan.ts';
import { runPlan } from '../src/run/run.ts';
import { headlineOf } from '../src/run/verdict.ts';

const PLANS = fileURLToPath(new URL('plans', import.meta.url));

/** Shrunk plans that once broke the engine. Seeds rot when the generator changes; plans do not. */
it.each(readdirSync(PLANS))('%s breaks nothing any more', async (file) => {
  const plan = parsePlan(readFileSync(join(PLANS, file), 'utf8'));
  expect(headlineOf(await runPlan(plan))).toBe('clean');
});

it.each([
  ['no plan', 'this is not JSON'],
  ['{"seed":1}', 'plan.profile is not a string'],
  ['[]', 'plan.seed is not a number'],
])('%s is refused with a reason', (text, reason) => {
  expect(() => parsePlan(text)).toThrow(reason);
});

it('a fault that does not exist is refused with a reason', () => {
  const [file] = readdirSync(PLANS);
  const plan = parsePlan(readFileSync(join(PLANS, file!), 'utf8'));
  const faults = [{ kind: 'earthquake', atMs: 1, forMs: 1, target: 0, amount: 0 }];
  expect(() => parsePlan(JSON.stringify({ ...plan, faults }))).toThrow(
    'plan.faults[0]: there is no fault "earthquake"',
  );
});
