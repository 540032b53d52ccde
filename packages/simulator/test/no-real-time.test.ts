import { performance } from 'node:perf_hooks';
import { expect, it, vi } from 'vitest';
import { drawPlan } from '../src/plan/draw-plan.ts';
import { runPlan } from '../src/run/run.ts';

/** What an engine that runs on virtual time has no business with. */
const FORBIDDEN: readonly (readonly [object, string])[] = [
  [Date, 'now'],
  [performance, 'now'],
  [Math, 'random'],
  [globalThis.crypto, 'getRandomValues'],
  [globalThis.crypto, 'randomUUID'],
  [globalThis, 'setTimeout'],
  [globalThis, 'setInterval'],
  [globalThis, 'fetch'],
  [AbortSignal, 'timeout'],
];

it('no real clock, timer or chance is within the reach of the engine', async () => {
  const reached: string[] = [];
  const spies = FORBIDDEN.map(([owner, name]) =>
    vi.spyOn(owner as Record<string, () => unknown>, name).mockImplementation(() => {
      reached.push(`${name} ${new Error('reached').stack}`);
      throw new Error(`${name} was reached`);
    }),
  );
  const crashes: unknown[] = [];
  try {
    for (let seed = 1; seed <= 150; seed += 1) {
      const { crash } = await runPlan(drawPlan(seed));
      if (crash) crashes.push(crash);
    }
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  expect(reached).toEqual([]);
  expect(crashes).toEqual([]);
});
