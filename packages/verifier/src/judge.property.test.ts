import {
  compareVersions,
  judgeView,
  keyspace,
  type L1Facts,
  type StoredRecord,
  type StoreMeta,
  type Version,
} from '@tidemark/core';
import { runs } from '@tidemark/conformance/property';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeAge, judgeL1, judgeStore, servedScope, type SourceLook } from './judge.ts';

const KEY = 'item:1';
const PLACE = { key: KEY, region: 'eu' };
const items = keyspace({ name: 'item', params: { id: 'int' }, schemaVersion: 3, load: async () => null });
const version = fc.record({ era: fc.integer({ min: 1, max: 2 }), n: fc.integer({ min: 1, max: 6 }) });
const xid = fc.integer({ min: 1, max: 6 });

interface World {
  readonly meta: StoreMeta;
  readonly record: StoredRecord | null;
  readonly row: {
    readonly version: Version;
    readonly xid: number;
    readonly atMs: number;
    readonly deleted: boolean;
  };
  readonly label: Version;
}

const world: fc.Arbitrary<World> = fc
  .record({
    tidemark: version,
    value: fc.option(fc.record({ version, schema: fc.integer({ min: 2, max: 4 }), ageMs: fc.nat(3) })),
    horizon: fc.record({ era: fc.integer({ min: 1, max: 2 }), xid }),
    rowVersion: version,
    rowXid: xid,
    label: version,
  })
  .map(({ tidemark, value, horizon, rowVersion, rowXid, label }) => ({
    meta: {
      ...{ incarnation: 'a', epoch: 1, lineage: 'a', revision: 1, horizon },
      ...{ base: { era: 0, xid: 0 }, scopes: new Map<string, number>() },
    },
    record: {
      tidemark,
      value: value && {
        ...{ version: value.version, schema: value.schema, scope: 0, epoch: 1 },
        ...{ filledAtMs: 10 - value.ageMs, freshMs: 2, staleMs: 0, data: new Uint8Array(), dependencies: [] },
      },
    },
    row: { version: rowVersion, xid: rowXid, atMs: 0, deleted: false },
    label,
  }));

function judged({ meta, record, row, label }: World, source = true) {
  const look: SourceLook = {
    rows: new Map([[KEY, row]]),
    after: new Map([[KEY, { version: label, scope: 0 }]]),
    asOf: { era: 2, xid: 9 },
  };
  const view = { meta, record, nowMs: 10 };
  const facts = { form: 'record' as const, why: '' };
  return judgeStore(PLACE, { view, dependencies: [], facts }, source ? look : null, items);
}

describe('a store’s answer', () => {
  it('is served just when the engine serves it', () => {
    fc.assert(
      fc.property(world, (w) => {
        const freshness = judgeView(KEY, { meta: w.meta, record: w.record, nowMs: 10 }, [], 3);
        const isServed = freshness === 'fresh' || freshness === 'stale';
        expect(judged(w).served).toEqual(isServed ? w.record!.value!.version : null);
      }),
      runs(300),
    );
  });

  it('is a lost event just when its horizon has passed a change that what it serves does not have', () => {
    fc.assert(
      fc.property(world, (w) => {
        const { served, suspicions } = judged(w);
        const passed = w.row.version.era === w.meta.horizon.era && w.row.xid < w.meta.horizon.xid;
        const lost = served !== null && passed && compareVersions(served, w.row.version) < 0;
        expect(suspicions.some(({ kind }) => kind === 'lost-event')).toBe(lost);
      }),
      runs(500),
    );
  });

  it('is too new just when its tidemark is above what the source ever gave the key', () => {
    fc.assert(
      fc.property(world, (w) => {
        const isAbove = compareVersions(w.record!.tidemark, w.label) > 0;
        expect(judged(w).suspicions.some(({ kind }) => kind === 'too-new')).toBe(isAbove);
      }),
      runs(300),
    );
  });

  it('has a wrong schema only above the newest one: older releases run beside newer ones', () => {
    fc.assert(
      fc.property(world, (w) => {
        const wrong = (w.record!.value?.schema ?? 0) > 3;
        expect(judged(w).suspicions.some(({ kind }) => kind === 'wrong-schema')).toBe(wrong);
      }),
      runs(200),
    );
  });

  it('is compared with nothing while the source is away', () => {
    fc.assert(
      fc.property(world, (w) => {
        const kinds = judged(w, false).suspicions.map(({ kind }) => kind);
        expect(kinds.filter((kind) => kind !== 'wrong-schema')).toEqual([]);
      }),
      runs(200),
    );
  });
});

describe('an age', () => {
  const look = fc.record({
    served: fc.option(version),
    version,
    newest: fc.option(version),
    ageMs: fc.integer({ min: 0, max: 20_000 }),
    boundMs: fc.oneof(fc.integer({ min: 0, max: 20_000 }), fc.constant(Number.POSITIVE_INFINITY)),
    isLastAge: fc.boolean(),
    tier: fc.constantFrom('l1' as const, 'l2' as const),
  });

  it('is inconsistent just when something below the event is served, and the event is the source’s', () => {
    fc.assert(
      fc.property(look, (each) => {
        const { served, newest } = each;
        const isReal = newest === null || compareVersions(each.version, newest) <= 0;
        const isBelow = served !== null && compareVersions(served, each.version) < 0;
        expect(judgeAge({ ...PLACE, ...each }).consistent).toBe(!(isReal && isBelow));
      }),
      runs(500),
    );
  });

  it('is an error only where the tier vouches for more, and a warning only at the last age', () => {
    fc.assert(
      fc.property(look, (each) => {
        const { consistent, suspicion } = judgeAge({ ...PLACE, ...each });
        if (consistent) expect(suspicion).toBeNull();
        if (suspicion?.severity === 'error') expect(each.boundMs).toBeLessThan(each.ageMs);
        if (suspicion?.severity === 'warning') expect(each.isLastAge).toBe(true);
        if (!consistent && each.boundMs + 2_000 < each.ageMs) expect(suspicion?.severity).toBe('error');
      }),
      runs(500),
    );
  });
});

it('an L1 that holds more than the source ever gave is found, and nothing else of it', () => {
  fc.assert(
    fc.property(version, fc.option(version), fc.boolean(), (newest, held, served) => {
      const facts: L1Facts = {
        ...{ key: KEY, held: held !== null, version: held, absent: false, ageMs: 1, freshLeftMs: 1 },
        served: served && held !== null,
      };
      const source = {
        rows: new Map(),
        after: new Map([[KEY, { version: newest, scope: 0 }]]),
        asOf: { era: 1, xid: 1 },
      };
      const judgement = judgeL1({ ...PLACE, node: 'n' }, facts, source);
      expect(judgement.served).toEqual(facts.served ? held : null);
      const isAbove = held !== null && compareVersions(held, newest) > 0;
      expect(judgement.suspicions.map(({ kind }) => kind)).toEqual(isAbove ? ['too-new'] : []);
    }),
    runs(200),
  );
});

it('a keyspace’s invalidation counts as heard once the horizon has passed it, or the store knows its version', () => {
  const meta = { horizon: { era: 1, xid: 50 }, scopes: new Map([['item', 7]]) } as unknown as StoreMeta;
  const row = (at: number) => ({ version: { era: 1, n: 9 }, xid: at, atMs: 0, deleted: false });
  expect(servedScope('item', meta, row(49))).toBeNull();
  expect(servedScope('item', meta, row(50))).toEqual({ era: 1, n: 7 });
  expect(servedScope('other', meta, null)).toEqual({ era: 1, n: 0 });
  expect(servedScope('item', null, null)).toBeNull();
});
