import { expect, it } from 'vitest';
import { search } from './spin.ts';

/** Seconds of one core; more where others want it too. */
const LONG_MS = 180_000;

it(
  'holds in every state that a small world can reach, and every action and answer happens there',
  async () => {
    const { verdict, cutShort, errors, unreached, states } = await search({ scope: 'small', without: [] });
    expect({ verdict, cutShort, errors, unreached }).toEqual({
      verdict: 'holds',
      cutShort: null,
      errors: 0,
      unreached: [],
    });
    expect(states).toBeGreaterThan(100_000);
  },
  LONG_MS,
);

it(
  'breaks without the tidemark check, and shows the steps that lead there',
  async () => {
    const { verdict, invariant, trail } = await search({ scope: 'small', without: ['tidemark-fill'] });
    expect({ verdict, invariant }).toEqual({ verdict: 'violated', invariant: 'I1: no stale fill' });
    expect(trail.length).toBeLessThan(20);
    expect(trail.at(-1)).toMatch(/^fill: version 0, .*admitted$/);
  },
  LONG_MS,
);
