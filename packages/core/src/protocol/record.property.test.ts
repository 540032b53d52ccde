import { runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Fill,
  fillRecord,
  judgeFill,
  judgeRecord,
  raiseRecord,
  type StoredRecord,
  type StoreMeta,
} from './record.ts';
import { initState } from './store-state.ts';
import { compareVersions, maxVersion } from './version.ts';

const version = fc.record({ era: fc.integer({ min: 1, max: 2 }), n: fc.integer({ min: 0, max: 8 }) });
const versions = fc.array(version, { minLength: 1, maxLength: 12 });
const { meta } = initState('life', { era: 1, xid: 1 }, 0);

function fill(changes: Partial<Fill>): Fill {
  return {
    key: 'k:1',
    version: { era: 1, n: 1 },
    scope: 0,
    asOf: meta.horizon,
    incarnation: 'life',
    epoch: 0,
    revision: 0,
    schema: 1,
    freshMs: 10,
    staleMs: 5,
    data: null,
    dependencies: [],
    replaces: 'any',
    lease: null,
    ...changes,
  };
}

describe('raise', () => {
  it('is commutative and idempotent: any order, any repetition, one result', () => {
    fc.assert(
      fc.property(versions, fc.func(fc.integer()), (events, order) => {
        const shuffled = [...events, ...events].toSorted((a, b) => order(a) - order(b));
        const raised = (list: typeof events): StoredRecord | null =>
          list.reduce(raiseRecord, null as StoredRecord | null);
        expect(raised(shuffled)?.tidemark).toEqual(raised(events)?.tidemark);
        expect(raised(events)?.tidemark).toEqual(events.reduce(maxVersion));
      }),
      runs(100),
    );
  });
});

describe('a record', () => {
  it('never goes back, and is fresh only at its tidemark, over any history of raises and fills', () => {
    const step = fc.record({ version, fills: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let record: StoredRecord | null = null;
        for (const { version: at, fills } of steps) {
          const before: StoredRecord | null = record;
          if (!fills) record = raiseRecord(record, at);
          else if (judgeFill(meta, record, fill({ version: at }), false, false) === 'admitted') {
            record = fillRecord(record, fill({ version: at }), 0);
          }
          if (before) expect(compareVersions(record!.tidemark, before.tidemark)).toBeGreaterThanOrEqual(0);
          if (judgeRecord(meta, record, 'k', 1, 0) === 'fresh') {
            expect(record!.value!.version).toEqual(record!.tidemark);
          }
        }
      }),
      runs(100),
    );
  });

  it('ages from fresh to stale to expired', () => {
    const record = fillRecord(null, fill({}), 0);
    const ages = [0, 9, 10, 14, 15].map((age) => judgeRecord(meta, record, 'k', 1, age));
    expect(ages).toEqual(['fresh', 'fresh', 'stale', 'stale', 'expired']);
    expect(judgeRecord(meta, record, 'k', 2, 0)).toBe('schema');
  });

  it.each<[string, Partial<StoreMeta>]>([
    ['era', { horizon: { era: 2, xid: 0 } }],
    ['epoch', { epoch: 1 }],
    ['scope', { scopes: new Map([['k', 3]]) }],
  ])('of an older %s is void', (_, newer) => {
    expect(judgeRecord({ ...meta, ...newer }, fillRecord(null, fill({}), 0), 'k', 1, 0)).toBe('void');
  });
});
