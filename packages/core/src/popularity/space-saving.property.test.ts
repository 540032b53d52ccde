import { runs } from '@tidemark/conformance/property';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SpaceSaving } from './space-saving.ts';

const key = fc.oneof(
  fc.constantFrom('a', 'b', 'c'),
  fc.nat(30).map((n) => `k${n}`),
);
const stream = fc.array(fc.tuple(key, fc.integer({ min: 1, max: 5 })), { maxLength: 300 });

describe('Space-Saving', () => {
  it('keeps its bounds: size, the error of each count, and every key that is frequent enough', () => {
    fc.assert(
      fc.property(stream, fc.integer({ min: 1, max: 20 }), (counted, max) => {
        const sketch = new SpaceSaving(max);
        const truth = new Map<string, number>();
        let all = 0;
        for (const [each, times] of counted) {
          sketch.add(each, times);
          truth.set(each, (truth.get(each) ?? 0) + times);
          all += times;
        }
        expect(sketch.size).toBeLessThanOrEqual(max);
        const top = sketch.top(max);
        for (const { key: each, count, error } of top) {
          const real = truth.get(each)!;
          expect(count).toBeGreaterThanOrEqual(real);
          expect(count - error).toBeLessThanOrEqual(real);
          expect(error).toBeLessThanOrEqual(all / max);
        }
        const kept = new Set(top.map((each) => each.key));
        for (const [each, real] of truth) if (real > all / max) expect(kept).toContain(each);
      }),
      runs(500),
    );
  });

  it('sorts by count, and forgets what is not counted any more', () => {
    const sketch = new SpaceSaving(3);
    sketch.add('old', 4);
    sketch.add('new', 100);
    expect(sketch.top(2).map((each) => each.key)).toEqual(['new', 'old']);
    for (let i = 0; i < 3; i += 1) sketch.halve();
    expect(sketch.top(3)).toEqual([{ key: 'new', count: 12, error: 0 }]);
  });
});
