import { compareVersions, type Version } from '@tidemark/core';
import { runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slackMs } from './ages.ts';
import { type PendingEvent, Schedule } from './schedule.ts';

const AGES = [100, 1_000, 5_000];
const REGIONS = ['us', 'eu'];
const PENDING_MAX = 12;

type Step =
  | { readonly do: 'add'; readonly key: string; readonly n: number }
  | { readonly do: 'take'; readonly region: string; readonly max: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'restart' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      key: fc.constantFrom('a:1', 'a:2', 'a:3'),
      n: fc.integer({ min: 1, max: 30 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('take' as const),
      region: fc.constantFrom(...REGIONS),
      max: fc.integer({ min: 0, max: 5 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 3_000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
);

const options = { regions: REGIONS, agesMs: AGES, pendingMax: PENDING_MAX };
const version = (n: number): Version => ({ era: 1, n });

/** What another process would find in the database. */
function restarted(schedule: Schedule): Schedule {
  const next = new Schedule(options);
  next.restore(schedule.since(schedule.doneBelow, 1_000), schedule.places, schedule.nextId);
  return next;
}

describe('the schedule', () => {
  it('makes every check once, at its age or never, whatever comes between, restarts too', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        let schedule = new Schedule(options);
        let nowMs = 0;
        const taken = new Map<number, PendingEvent>();
        const made = new Map<string, number>();
        const late = new Map<string, number[]>(REGIONS.map((region) => [region, AGES.map(() => 0)]));
        const take = (region: string, max: number): void => {
          const { due, late: missed } = schedule.take(region, nowMs, max);
          expect(due.length).toBeLessThanOrEqual(max);
          for (const check of due) {
            const waitedMs = nowMs - check.seenAtMs;
            expect(waitedMs).toBeGreaterThanOrEqual(AGES[check.age]!);
            expect(waitedMs).toBeLessThanOrEqual(AGES[check.age]! + slackMs(AGES[check.age]!));
            const name = `${region} ${check.id} ${check.age}`;
            made.set(name, (made.get(name) ?? 0) + 1);
          }
          missed.forEach((times, age) => (late.get(region)![age]! += times));
          schedule.made(region);
        };
        for (const each of steps) {
          if (each.do === 'wait') nowMs += each.ms;
          if (each.do === 'restart') schedule = restarted(schedule);
          if (each.do === 'take') take(each.region, each.max);
          if (each.do === 'add') {
            const { nextId: id } = schedule;
            const before = schedule.pending;
            const what = schedule.add(each.key, version(each.n), nowMs);
            if (what === 'full') expect(before).toBe(PENDING_MAX);
            if (what === 'taken')
              taken.set(id, { id, key: each.key, version: version(each.n), seenAtMs: nowMs });
          }
          expect(schedule.pending).toBeLessThanOrEqual(PENDING_MAX);
        }
        for (const age of AGES) {
          nowMs += age;
          for (const region of REGIONS) take(region, 1_000);
        }
        nowMs += 1_000_000;
        for (const region of REGIONS) take(region, 1_000);
        expect(schedule.pending).toBe(0);
        expect([...made.values()].every((times) => times === 1)).toBe(true);
        for (const region of REGIONS) {
          AGES.forEach((_, age) => {
            const done = [...made.keys()].filter(
              (name) => name.startsWith(region) && name.endsWith(` ${age}`),
            );
            expect(done.length + late.get(region)![age]!).toBe(taken.size);
          });
        }
      }),
      runs(300),
    );
  });

  it('loses nothing that was taken but not made: another process takes it again', () => {
    const schedule = new Schedule(options);
    schedule.add('a:1', version(1), 0);
    expect(schedule.take('us', 150, 10).due).toHaveLength(1);
    const next = restarted(schedule);
    expect(next.take('us', 150, 10).due).toMatchObject([{ id: 1, key: 'a:1', age: 0 }]);
    expect(schedule.take('us', 150, 10).due).toHaveLength(0);
  });

  it('knows what waits already: only a newer version of a key is news', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 10 }), (ns) => {
        const schedule = new Schedule({ ...options, pendingMax: 100 });
        let newest = version(0);
        for (const n of ns) {
          const isNews = compareVersions(version(n), newest) > 0;
          expect(schedule.add('a:1', version(n), 0)).toBe(isNews ? 'taken' : 'known');
          if (isNews) newest = version(n);
        }
      }),
      runs(100),
    );
  });
});
