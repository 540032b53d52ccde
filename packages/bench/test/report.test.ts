import { describe, expect, it } from 'vitest';
import { type Sample, type Scenario, summarise } from '../src/index.ts';

const scenario: Scenario = {
  name: 'made-up',
  title: 'Made up',
  how: 'Nothing is measured.',
  floor: 'floor',
  metrics: [{ name: 'rate', unit: 'ops/s', better: 'higher' }],
  targets: [
    { says: 'half', metric: 'rate', subject: 'own', against: 'floor', atLeast: 0.5 },
    { says: 'at most 10', metric: 'rate', subject: 'own', atMost: 10 },
    { says: 'never measured', metric: 'rate', subject: 'nobody', atLeast: 1 },
  ],
  async *run() {},
};
const rate = (subject: string, ...values: readonly number[]): Sample[] =>
  values.map((value) => ({ subject, metric: 'rate', value }));

describe('a report', () => {
  it('takes ratios within rounds: a machine that slows down changes none', () => {
    const { rows } = summarise(scenario, [...rate('floor', 100, 50, 10), ...rate('own', 60, 30, 6)]);
    expect(rows.find(({ subject }) => subject === 'own')).toMatchObject({
      median: 30,
      min: 6,
      max: 60,
      rounds: 3,
      ratio: 0.6,
    });
  });

  it('judges each target by what was measured, and one without a figure as missed', () => {
    const { targets } = summarise(scenario, [...rate('floor', 100), ...rate('own', 40)]);
    expect(targets.map(({ value, met }) => [value, met])).toEqual([
      [0.4, false],
      [40, false],
      [null, false],
    ]);
  });

  it('says nothing of a ratio to a floor of zero', () => {
    const { rows } = summarise(scenario, [...rate('floor', 0), ...rate('own', 40)]);
    expect(rows.find(({ subject }) => subject === 'own')?.ratio).toBeNull();
  });
});
