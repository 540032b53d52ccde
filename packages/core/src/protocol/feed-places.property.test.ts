import { runs } from '@tidemark/conformance/property';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FeedPlaces } from './feed-places.ts';

describe('FeedPlaces', () => {
  it('tells a join, the next, a duplicate and a gap', () => {
    const places = new FeedPlaces();
    expect(places.joined).toBe(false);
    expect(places.step({ life: 'a', seq: 5 })).toBe('joined');
    expect(places.step({ life: 'a', seq: 6 })).toBe('next');
    expect(places.step({ life: 'a', seq: 6 })).toBe('duplicate');
    expect(places.step({ life: 'a', seq: 8 })).toBe('gap');
    expect(places.step({ life: 'a', seq: 7 })).toBe('duplicate');
    expect(places.joined).toBe(true);
    places.leave();
    expect(places.step({ life: 'a', seq: 9 })).toBe('joined');
  });

  it('lets a life that was away for long begin anew', () => {
    const places = new FeedPlaces();
    places.step({ life: 'old', seq: 1 });
    for (let i = 0; i < 8; i += 1) places.step({ life: `life ${i}`, seq: 1 });
    expect(places.step({ life: 'old', seq: 2 })).toBe('joined');
  });

  it('judges each life by itself, however the lives interleave, lose and repeat', () => {
    const message = fc.record({ life: fc.constantFrom('a', 'b', 'c'), seq: fc.integer({ min: 1, max: 12 }) });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 60 }), (messages) => {
        const together = new FeedPlaces();
        const alone = { a: new FeedPlaces(), b: new FeedPlaces(), c: new FeedPlaces() };
        for (const each of messages) {
          expect(together.step(each)).toBe(alone[each.life as 'a' | 'b' | 'c'].step(each));
        }
      }),
      runs(100),
    );
  });

  it('never calls a message the next one when the one before it was not heard', () => {
    const message = fc.record({ life: fc.constantFrom('a', 'b'), seq: fc.integer({ min: 1, max: 9 }) });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 60 }), (messages) => {
        const places = new FeedPlaces();
        const heard = new Set<string>();
        for (const { life, seq } of messages) {
          const step = places.step({ life, seq });
          if (step === 'next') expect(heard.has(`${life} ${seq - 1}`)).toBe(true);
          heard.add(`${life} ${seq}`);
        }
      }),
      runs(100),
    );
  });
});
