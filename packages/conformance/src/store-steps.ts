import { type Dependency, type Fill, fillAll, keyspaceOf, type Store, type Watch } from '@tidemark/core';
import * as fc from 'fast-check';
import { bytes, fillOf, position, version } from './store-harness.ts';

/** Characters of a step in the report of a failure. */
const STEP_TEXT_MAX = 1_000;

/** Keys that random histories touch. */
export const KEYS = ['city:1', 'city:2', 'town:1', 'town:', 'city:%7B1%7D *?[\\\r\n"é😀'] as const;

/** What one side of a comparison does a step with. */
export interface Side {
  readonly store: Store;
  clear(): Promise<void>;
  tick(ms: number): void;
}

/** One step of a random history; it answers what the store answered. */
export interface Step {
  run(side: Side): Promise<unknown>;
  /** What a failing history is printed as. */
  toString(): string;
}

const key = fc.constantFrom(KEYS[0], ...KEYS);
const token = fc.constantFrom('a', 'b');
const anyRole = fc.constantFrom('applier', 'meta', 'city:1', '__proto__', ' ');
const life = fc.constantFrom('life-1', 'life-1', 'life-1', 'life-2');
const anyVersion = fc.record({
  era: fc.constantFrom(1, 1, 1, 2, 2 ** 33),
  n: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 6 }) }, fc.constant(2 ** 53 - 1)),
});
const invalidation = fc.record({
  key: fc.oneof({ weight: 6, arbitrary: key }, fc.constantFrom('city', 'town')),
  version: anyVersion,
});
const invalidations = fc.array(invalidation, { maxLength: 4 });
const xid = fc.integer({ min: 98, max: 106 });
const mark = fc.constantFrom('m1', 'm2', 'm3');
const lifeMs = fc.constantFrom(40, 1_000, 60_000);

const dependency: fc.Arbitrary<Dependency> = fc.record({
  key: fc.oneof({ weight: 3, arbitrary: key }, fc.constantFrom('tag:\u00fc "%', 'town')),
  version: anyVersion,
  scope: fc.integer({ min: 0, max: 6 }),
  incarnation: life,
  epoch: fc.integer({ min: 0, max: 2 }),
});
const watch: fc.Arbitrary<Watch> = fc.record({
  key: fc.oneof({ weight: 3, arbitrary: key }, fc.constantFrom('town')),
  version: anyVersion,
  scope: fc.integer({ min: 0, max: 6 }),
  asOf: fc.record({ era: fc.constantFrom(1, 1, 2), xid }),
  lifeMs,
});

/** Any bytes: also those that begin like a record, and more than fit one packet. */
const anyData = fc.oneof(
  { weight: 4, arbitrary: fc.string().map(bytes) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(new Uint8Array(), Uint8Array.of(0xd4, 1, 1, 0), new Uint8Array(70_000)),
  },
);

const retained = fc.record({
  key,
  version: anyVersion,
  schema: fc.integer({ min: 0, max: 2 }),
  data: fc.option(anyData, { freq: 4, nil: null }),
  keepMax: fc.integer({ min: 1, max: 3 }),
  // Long enough for a store whose clock nobody moves.
  lifeMs: fc.constantFrom(60_000, 90_000),
});

/** A fill that differs in some ways from what a node would send now; what is left out is right. */
const anyFill: fc.Arbitrary<Partial<Fill>> = fc.record(
  {
    key,
    version: fc.option(anyVersion, { freq: 3, nil: null }),
    lease: fc.option(token, { freq: 3, nil: null }),
    scope: fc.integer({ min: 0, max: 6 }),
    asOf: fc.record({ era: fc.constantFrom(1, 1, 2), xid }),
    incarnation: life,
    epoch: fc.integer({ min: 0, max: 2 }),
    revision: fc.integer({ min: 0, max: 4 }),
    schema: fc.integer({ min: 1, max: 3 }),
    freshMs: lifeMs,
    staleMs: fc.constantFrom(0, 0.5, 5_000, 2 ** 32 + 1),
    data: fc.option(anyData, { freq: 4, nil: null }),
    dependencies: fc.array(dependency, { maxLength: 2 }),
    // No value was seen, or one that no store has.
    replaces: fc.constantFrom(null, 1),
  },
  { requiredKeys: ['key', 'version', 'lease'] },
);

/** What a node does: labels and state as they are now, so that most of these are admitted. */
async function freshFill(store: Store, changes: Partial<Fill>): Promise<unknown> {
  const { meta, records } = await store.read([changes.key!], changes.schema ?? 1);
  if (!meta) return null;
  const tidemark = records[0]?.tidemark ?? version(0, meta.horizon.era);
  const scope = meta.scopes.get(keyspaceOf(changes.key!)) ?? 0;
  const replaces = records[0]?.value?.filledAtMs ?? null;
  return store.fill(fillOf(meta, { version: tidemark, scope, replaces, ...pick(changes) }));
}

function pick({ key: of, schema, freshMs, staleMs, data, dependencies }: Partial<Fill>): Partial<Fill> {
  return {
    key: of!,
    schema: schema ?? 1,
    freshMs: freshMs ?? 1_000,
    staleMs: staleMs ?? 0,
    data: data ?? null,
    dependencies: dependencies ?? [],
  };
}

const apply = fc
  .record(
    {
      invalidations,
      expect: fc.option(mark),
      mark,
      lineage: fc.constantFrom('chain-1', 'chain-2'),
      from: xid,
      to: xid,
      era: fc.constantFrom(1, 1, 1, 2),
      advances: fc.boolean(),
    },
    { requiredKeys: ['invalidations', 'expect', 'mark', 'from', 'to', 'era', 'advances'] },
  )
  .map(({ from, to, era, advances, ...batch }) =>
    step('apply', { from, to, era, advances, ...batch }, async ({ store }) => {
      const advance = { from: position(from), to: position(to, era) };
      const { outcome } = await store.apply(advances ? { ...batch, advance } : batch);
      return outcome;
    }),
  );

const staleFill = anyFill.map((changes) =>
  step('fill', changes, async ({ store }) => {
    const { meta } = await store.read([]);
    return meta && store.fill(fillOf(meta, changes));
  }),
);

/** Without leases, as a warm-up fills; the same key may be there twice. */
const manyFills = fc
  .array(
    fc.tuple(anyFill, anyVersion, fc.boolean()).map(([some, of, fresh]) => ({ some, of, fresh })),
    { minLength: 1, maxLength: 4 },
  )
  .map((all) =>
    step('fill many', all, async ({ store }) => {
      const { meta, records } = await store.read(all.map(({ some }) => some.key!));
      if (!meta) return null;
      return fillAll(
        store,
        all.map(({ some, of, fresh }, i) => {
          const tidemark = records[i]?.tidemark ?? version(0, meta.horizon.era);
          const scope = meta.scopes.get(keyspaceOf(some.key!)) ?? 0;
          const changes = fresh
            ? { ...pick(some), version: tidemark, scope, replaces: null }
            : { ...some, version: of };
          return fillOf(meta, { ...changes, lease: null });
        }),
      );
    }),
  );

/** Any step; those that let time pass only for stores whose clock can be moved. */
export function anyStep(ticks: boolean): fc.Arbitrary<Step> {
  return fc.oneof(
    {
      weight: 4,
      arbitrary: invalidations.map((events) => step('raise', events, ({ store }) => store.raise(events))),
    },
    { weight: 4, arbitrary: staleFill },
    {
      weight: 4,
      arbitrary: anyFill.map((some) => step('fresh fill', some, ({ store }) => freshFill(store, some))),
    },
    { weight: 4, arbitrary: manyFills },
    { weight: 5, arbitrary: apply },
    {
      weight: 3,
      arbitrary: of('watch', watch, async (store, drawn) => (await store.watch(drawn)).verdict),
    },
    {
      weight: 3,
      arbitrary: of('retain', retained, (store, { key: k, keepMax, lifeMs: ms, ...value }) =>
        store.retain(k, value, keepMax, ms),
      ),
    },
    { weight: 2, arbitrary: of('lease', fc.tuple(key, token), (store, [k, t]) => store.lease(k, t, 60_000)) },
    { weight: 1, arbitrary: of('release', fc.tuple(key, token), (store, [k, t]) => store.release(k, t)) },
    {
      weight: 1,
      arbitrary: of('epoch', fc.tuple(xid, fc.constantFrom(1, 1, 2)), (store, [x, era]) =>
        store.raiseEpoch(position(x, era)),
      ),
    },
    { weight: 1, arbitrary: of('claim', token, (store, t) => store.claim('applier', t, 60_000)) },
    { weight: 1, arbitrary: of('resign', token, (store, t) => store.resign('applier', t)) },
    {
      weight: 1,
      arbitrary: of('initialise', fc.tuple(life, xid), (store, [l, x]) => store.initialise(l, position(x))),
    },
    {
      weight: 1,
      arbitrary: of('claim of any role', fc.tuple(anyRole, token), (store, [role, t]) =>
        store.claim(role, t, 60_000),
      ),
    },
    {
      weight: 1,
      // More keyspaces than a store has room for, and more events than one script takes.
      arbitrary: of(
        'raise many',
        fc.tuple(fc.integer({ min: 1, max: 600 }), fc.boolean()),
        (store, [count, whole]) =>
          store.raise(
            Array.from({ length: count }, (_, i) => ({
              key: whole ? `space${i % 80}` : KEYS[i % KEYS.length]!,
              version: version(i),
            })),
          ),
      ),
    },
    { weight: 2, arbitrary: fc.constant(step('keys', null, ({ store }) => keysOf(store))) },
    { weight: 1, arbitrary: fc.constant(step('clear', null, (side) => side.clear())) },
    {
      weight: ticks ? 4 : 0,
      arbitrary: fc
        .constantFrom(1, 40, 1_000, 20_000, 60_000)
        .map((ms) => step('tick', ms, async (side) => side.tick(ms))),
    },
  );
}

async function keysOf(store: Store): Promise<readonly string[]> {
  const found = new Set<string>();
  for await (const page of store.keys()) for (const each of page) found.add(each);
  return [...found].sort((a, b) => a.localeCompare(b));
}

function of<T>(
  name: string,
  argument: fc.Arbitrary<T>,
  run: (store: Store, argument: T) => Promise<unknown>,
) {
  return argument.map((drawn) => step(name, drawn, ({ store }) => run(store, drawn)));
}

function step(name: string, argument: unknown, run: Step['run']): Step {
  return { run, toString: () => `${name} ${JSON.stringify(argument).slice(0, STEP_TEXT_MAX)}` };
}
