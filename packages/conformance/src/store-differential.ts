import { type Fill, judgeRecord, type Store } from '@tidemark/core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes, fillOf, type OpenStore, position, START, text, version } from './store-harness.ts';

const KEYS = ['city:1', 'city:2', 'town:1'] as const;
const RUNS = Number(process.env['TIDEMARK_STORE_RUNS'] ?? 150);

type Step = (store: Store) => Promise<unknown>;

const key = fc.constantFrom(...KEYS);
const token = fc.constantFrom('a', 'b');
const anyVersion = fc.record({ era: fc.integer({ min: 1, max: 2 }), n: fc.integer({ min: 0, max: 6 }) });
const invalidation = fc.record({
  key: fc.oneof({ weight: 6, arbitrary: key }, fc.constantFrom('city', 'town')),
  version: anyVersion,
});
const invalidations = fc.array(invalidation, { maxLength: 4 });
const xid = fc.integer({ min: 98, max: 106 });
const mark = fc.constantFrom('m1', 'm2', 'm3');

/** A fill as of some state that a node may have seen, the current one or not. */
const fill = fc
  .record({
    key,
    version: fc.option(anyVersion, { freq: 6 }),
    scope: fc.integer({ min: 0, max: 6 }),
    asOf: fc.record({ era: fc.integer({ min: 1, max: 2 }), xid }),
    incarnation: fc.constantFrom('life-1', 'life-1', 'life-1', 'life-2'),
    epoch: fc.integer({ min: 0, max: 2 }),
    revision: fc.integer({ min: 0, max: 4 }),
    schema: fc.integer({ min: 1, max: 2 }),
    lease: fc.option(token),
    data: fc.option(fc.string().map(bytes), { freq: 4 }),
  })
  .map((changes): Partial<Fill> => changes);

const step: fc.Arbitrary<{ readonly name: string; readonly run: Step }> = fc.oneof(
  {
    weight: 4,
    arbitrary: invalidations.map((events) => named('raise', events, (store) => store.raise(events))),
  },
  {
    weight: 6,
    arbitrary: fill.map((changes) =>
      named('fill', changes, async (store) => {
        const { meta } = await store.read([]);
        return meta && store.fill(fillOf(meta, changes));
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fill.map((changes) =>
      named('fresh fill', changes.key, async (store) => freshFill(store, changes)),
    ),
  },
  {
    weight: 4,
    arbitrary: fc
      .record({
        invalidations,
        expect: fc.option(mark),
        mark,
        from: xid,
        to: xid,
        era: fc.constantFrom(1, 1, 1, 2),
        advances: fc.boolean(),
      })
      .map(({ from, to, era, advances, ...batch }) =>
        named('apply', { from, to, era, advances, ...batch }, async (store) => {
          const advance = { from: position(from), to: position(to, era) };
          const { outcome } = await store.apply(advances ? { ...batch, advance } : batch);
          return outcome;
        }),
      ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(key, token)
      .map(([k, t]) => named('lease', [k, t], (store) => store.lease(k, t, 60_000))),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(key, token).map(([k, t]) => named('release', [k, t], (store) => store.release(k, t))),
  },
  { weight: 1, arbitrary: xid.map((x) => named('epoch', x, (store) => store.raiseEpoch(position(x)))) },
  { weight: 1, arbitrary: token.map((t) => named('claim', t, (store) => store.claim('applier', t, 60_000))) },
  { weight: 1, arbitrary: token.map((t) => named('resign', t, (store) => store.resign('applier', t))) },
);

function named(
  name: string,
  with_: unknown,
  run: Step,
): { readonly name: string; readonly run: Step; toString(): string } {
  return { name, run, toString: () => `${name} ${JSON.stringify(with_)}` };
}

/** What a node does: labels and state as they are now, so that most of these are admitted. */
async function freshFill(store: Store, changes: Partial<Fill>): Promise<unknown> {
  const { meta, records } = await store.read([changes.key!]);
  if (!meta) return null;
  const tidemark = records[0]?.tidemark ?? version(0, meta.horizon.era);
  return store.fill(
    fillOf(meta, { key: changes.key!, version: tidemark, scope: 9, data: changes.data ?? null }),
  );
}

/** All that a node can see of a store, without times. */
async function view(store: Store): Promise<unknown> {
  const { meta, records } = await store.read(KEYS);
  return {
    meta: meta && { ...meta, scopes: [...meta.scopes].sort() },
    records: records.map((record, i) => {
      if (!record) return null;
      const { value } = record;
      const shown = value && { ...value, filledAtMs: 0, data: text(value.data) };
      return {
        tidemark: record.tidemark,
        value: shown,
        judged: judgeRecord(meta!, record, KEYS[i]!.split(':')[0]!, 1, 0),
      };
    }),
  };
}

/** The same random history on a store and on the reference, compared after every step. */
export function storeDifferential(name: string, open: OpenStore, reference: OpenStore): void {
  describe(`store: ${name} equals the pure rules`, () => {
    it(`over ${RUNS} random histories`, async () => {
      const [tested, model] = await Promise.all([open(), reference()]);
      try {
        await fc.assert(
          fc.asyncProperty(
            fc.array(step, { minLength: 1, maxLength: 24 }),
            fc.boolean(),
            async (steps, initialised) => {
              await Promise.all([tested.clear(), model.clear()]);
              if (initialised) {
                await Promise.all([tested, model].map(({ store }) => store.initialise('life-1', START)));
              }
              for (const { run } of steps) {
                const [got, expected] = [await run(tested.store), await run(model.store)];
                expect(got).toEqual(expected);
                expect(await view(tested.store)).toEqual(await view(model.store));
              }
            },
          ),
          { numRuns: RUNS, endOnFailure: false },
        );
      } finally {
        await Promise.all([tested.close(), model.close()]);
      }
    }, 120_000);
  });
}
