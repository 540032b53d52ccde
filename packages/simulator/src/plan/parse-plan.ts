import { drawPlan } from './draw-plan.ts';
import { FAULT_KINDS, type Plan } from './plan.ts';

/** A plan from JSON, as `--save-plan` writes it. @throws Error that says what is wrong with it */
export function parsePlan(text: string): Plan {
  let plan: unknown;
  try {
    plan = JSON.parse(text);
  } catch (error) {
    throw new Error('this is not JSON', { cause: error });
  }
  compare(drawPlan(1), plan, 'plan');
  const { operations, faults } = plan as Plan;
  for (const [at, { kind }] of faults.entries()) {
    if (!FAULT_KINDS.includes(kind))
      throw new Error(`plan.faults[${at}]: there is no fault ${JSON.stringify(kind)}`);
  }
  for (const [at, { atMs }] of [...operations, ...faults].entries()) {
    if (!(atMs >= 0)) throw new Error(`plan: operation or fault ${at} has no time from 0`);
  }
  return plan as Plan;
}

/** A plan has at least the fields of any other, and of the same types. */
function compare(model: unknown, given: unknown, path: string): void {
  if (Array.isArray(model)) {
    if (!Array.isArray(given)) throw new Error(`${path} is not a list`);
    return;
  }
  if (typeof model !== 'object' || model === null) {
    if (typeof given !== typeof model) throw new Error(`${path} is not a ${typeof model}`);
    return;
  }
  if (typeof given !== 'object' || given === null) throw new Error(`${path} is not an object`);
  for (const [name, value] of Object.entries(model)) {
    compare(value, (given as Record<string, unknown>)[name], `${path}.${name}`);
  }
}
