import { runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lookedAt, NOT_LOOKED_AT, SHARE_MIN, shareAfter, suffers } from './live-latency.ts';

function after(...answers: readonly (number | null)[]): typeof NOT_LOOKED_AT {
  return answers.reduce<typeof NOT_LOOKED_AT>(lookedAt, NOT_LOOKED_AT);
}

describe('live traffic', () => {
  it('suffers while most of its latest answers are slow or fail, not because of a single one', () => {
    expect(suffers(after(), 2)).toBe(false);
    expect(suffers(after(10, 10, 10), 2)).toBe(false);
    expect(suffers(after(10, 10, 10, 100), 2)).toBe(false);
    expect(suffers(after(10, 10, 10, 100, 100, 100), 2)).toBe(true);
    expect(suffers(after(10, 10, 10, null, null, null), 2)).toBe(true);
    expect(suffers(after(10, 10, 10, 100, 100, 100, 10, 10, 10), 2)).toBe(false);
    // Twice nothing is nothing.
    expect(suffers(after(0.2, 0.2, 1, 1, 1), 2)).toBe(false);
  });

  it('share halves and recovers within its bounds, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 200 }), (turns) => {
        let share = 1;
        for (const isSuffering of turns) {
          const next = shareAfter(share, isSuffering);
          expect(next).toBeGreaterThanOrEqual(SHARE_MIN);
          expect(next).toBeLessThanOrEqual(1);
          if (isSuffering) expect(next).toBe(Math.max(SHARE_MIN, share / 2));
          else expect(next >= share).toBe(true);
          share = next;
        }
      }),
      runs(200),
    );
    let share = SHARE_MIN;
    for (let i = 0; i < 20; i += 1) share = shareAfter(share, false);
    expect(share).toBe(1);
  });
});
