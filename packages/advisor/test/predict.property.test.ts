import { runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyFlow, type KeyTraffic } from '../src/model/key-flow.ts';
import { type Plan, predict } from '../src/model/predict.ts';
import { zipfClasses } from '../src/model/popularity.ts';
import { type Workload, workload } from '../src/workload.ts';

const rate = fc.oneof(fc.constant(0), fc.double({ min: 1e-6, max: 1e6, noNaN: true }));
const seconds = fc.oneof(
  fc.constant(Number.POSITIVE_INFINITY),
  fc.double({ min: 1e-3, max: 1e7, noNaN: true }),
);

const traffics: fc.Arbitrary<KeyTraffic> = fc
  .record({
    reads: rate,
    invalidations: rate,
    shippedShare: fc.double({ min: 0, max: 1, noNaN: true }),
    refreshed: fc.boolean(),
    ttlS: seconds,
    nodes: fc.double({ min: 1, max: 1_000, noNaN: true }),
    keepS: fc.oneof(fc.constant(0), seconds),
  })
  .map(({ shippedShare, refreshed, ...traffic }) => ({
    ...traffic,
    refreshed,
    shipped: refreshed ? 0 : traffic.invalidations * shippedShare,
  }));

const works: fc.Arbitrary<Workload> = fc
  .record({
    reads: rate,
    writes: rate,
    keys: fc.oneof(fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 1, max: 1e9 })),
    zipf: fc.double({ min: 0, max: 3, noNaN: true }),
    dependencies: fc.integer({ min: 0, max: 8 }),
    regions: fc.integer({ min: 1, max: 4 }),
    nodesEach: fc.integer({ min: 1, max: 8 }),
    absent: fc.double({ min: 0, max: 0.5, noNaN: true }),
    newKeys: fc.double({ min: 0, max: 0.5, noNaN: true }),
  })
  .map(({ nodesEach, ...work }) => workload({ ...work, nodes: nodesEach * work.regions }));
const plans: fc.Arbitrary<Plan> = fc.record({
  ttlS: seconds,
  negativeTtlS: seconds,
  onWrite: fc.constantFrom('invalidate', 'update', 'refresh'),
  invalidated: fc.boolean(),
  l1Entries: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 1e6 })),
});

const SMALL = 1e-9;

describe('the flow of one key', () => {
  it('every read is answered once, and nothing is less than nothing', () => {
    fc.assert(
      fc.property(traffics, (traffic) => {
        const { l1, l2, misses, refreshes, alive } = keyFlow(traffic);
        const slack = SMALL * Math.max(1, traffic.reads, traffic.invalidations);
        for (const each of [l1, l2, misses, refreshes, alive]) expect(each).toBeGreaterThanOrEqual(-slack);
        expect(Math.abs(l1 + l2 + misses - traffic.reads)).toBeLessThanOrEqual(slack);
        expect(alive).toBeLessThanOrEqual(1 + SMALL);
      }),
      runs(300),
    );
  });

  it('a longer TTL, fewer invalidations and a larger L1 never cost a hit', () => {
    fc.assert(
      fc.property(traffics, fc.double({ min: 1, max: 100, noNaN: true }), (traffic, more) => {
        const slack = SMALL * Math.max(1, traffic.reads, traffic.invalidations);
        const { misses, l1 } = keyFlow(traffic);
        expect(keyFlow({ ...traffic, ttlS: traffic.ttlS * more }).misses).toBeLessThanOrEqual(misses + slack);
        expect(keyFlow({ ...traffic, keepS: traffic.keepS * more }).l1).toBeGreaterThanOrEqual(l1 - slack);
        if (traffic.shipped > 0 || traffic.refreshed) return;
        const rarer = { ...traffic, invalidations: traffic.invalidations / more };
        expect(keyFlow(rarer).misses).toBeLessThanOrEqual(misses + slack);
      }),
      runs(300),
    );
  });
});

describe('the prediction', () => {
  it('shares sum to one, and caches never make more readers wait than there are', () => {
    fc.assert(
      fc.property(works, plans, (work, plan) => {
        const { l1, l2, misses, loads } = predict(work, plan);
        for (const each of [l1, l2, misses]) {
          expect(each).toBeGreaterThanOrEqual(0);
          expect(each).toBeLessThanOrEqual(1 + SMALL);
        }
        expect(l1 + l2 + misses).toBeCloseTo(work.reads === 0 ? 0 : 1, 6);
        expect(Number.isFinite(loads)).toBe(true);
        if (plan.onWrite === 'invalidate') expect(loads).toBeLessThanOrEqual(work.reads * (1 + SMALL));
      }),
      runs(60),
    );
  });
});

describe('Zipf in classes', () => {
  it('holds every key once, all of the reads, and the same as the sum over all ranks', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50_000 }),
        fc.double({ min: 0, max: 3, noNaN: true }),
        (keys, alpha) => {
          const classes = zipfClasses(keys, alpha);
          expect(classes.reduce((sum, each) => sum + each.keys, 0)).toBe(keys);
          expect(classes.reduce((sum, each) => sum + each.keys * each.share, 0)).toBeCloseTo(1, 9);
          let exact = 0;
          for (let rank = 1; rank <= keys; rank += 1) exact += rank ** -alpha;
          expect(classes[0]!.share).toBeCloseTo(1 / exact, 6);
        },
      ),
      runs(40),
    );
  });

  it('takes no longer for a billion keys', () => {
    expect(zipfClasses(1e9, 0.9).length).toBeLessThan(620);
    expect(zipfClasses(1e9, 1).reduce((sum, each) => sum + each.keys * each.share, 0)).toBeCloseTo(1, 9);
  });
});
