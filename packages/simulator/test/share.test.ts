import { performance } from 'node:perf_hooks';
import { expect, it } from 'vitest';
import { campaign } from '../src/campaign.ts';

/** The share of the simulator that every test run takes; `npm run sim` and `npm run sim:soak` go on. */
const SCHEDULES = 1_500;
/** Ten thousand come across these. */
const RARE = new Set([
  'epoch-raised',
  'fill-epoch',
  'fill-rolled-back',
  'read-source-rolled-back',
  'batch-gap',
]);

it(
  `${SCHEDULES} schedules break nothing, and come across what they are for`,
  { timeout: 300_000 },
  async () => {
    const report = await campaign({ seed: 1, schedules: SCHEDULES, now: () => performance.now() });
    expect(report.violations).toEqual([]);
    expect(report.schedules).toBe(SCHEDULES);
    expect(report.missing.filter((name) => !RARE.has(name))).toEqual([]);
  },
);

it('says what never happened', async () => {
  const report = await campaign({ seed: 1, schedules: 3, faults: ['crash'], now: () => performance.now() });
  expect(report.missing).toContain('store-went-back');
});
