import type { Edit, Mutant } from './mutant.ts';

const RECORD = 'packages/core/src/protocol/record.ts';
const STATE = 'packages/core/src/protocol/store-state.ts';
const STORE = 'packages/memory/src/memory-store.ts';
const DEPENDENCY = 'packages/core/src/protocol/dependency.ts';

const FILL_TIDEMARK: Edit = {
  file: RECORD,
  from: "if (compareVersions(fill.version, tidemark) < 0) return 'below-tidemark';",
  to: '',
};
const READ_TIDEMARK: Edit = {
  file: RECORD,
  from: "if (compareVersions(value.version, record.tidemark) < 0) return 'below-tidemark';",
  to: '',
};

/** Rules of a region's store: what it admits, what it shows, and what it forgets. */
export const STORE_MUTANTS: readonly Mutant[] = [
  {
    name: 'naive-cache-aside',
    without: 'everything but the cache: a write deletes, a fill sets, whatever is there is served',
    edits: [
      {
        file: RECORD,
        from: "  if (fill.incarnation !== meta.incarnation) return 'incarnation';",
        to: "  if (fill.key) return 'admitted';",
      },
      READ_TIDEMARK,
      {
        file: STORE,
        from: 'const record = raiseRecord(this.#records.get(key, nowMs), version);',
        to: 'const record = { tidemark: { era: 0, n: 0 }, value: null } as StoredRecord; void raiseRecord; void version;',
      },
    ],
    schedules: 500,
  },
  {
    name: 'tidemark-checked-nowhere',
    without: 'the tidemark is compared neither by fills nor by reads',
    edits: [FILL_TIDEMARK, READ_TIDEMARK],
    schedules: 500,
  },
  {
    name: 'fill-below-tidemark',
    without: 'a fill below the tidemark is refused',
    edits: [FILL_TIDEMARK],
    schedules: 1_000,
  },
  {
    name: 'read-below-tidemark',
    without: 'a value below its tidemark is not served',
    edits: [READ_TIDEMARK],
    schedules: 1_000,
  },
  {
    name: 'tidemark-assigned',
    without: 'a tidemark is the maximum of what came, in whatever order',
    edits: [
      {
        file: RECORD,
        from: 'if (record && compareVersions(version, record.tidemark) <= 0) return record;',
        to: '',
      },
    ],
    schedules: 1_000,
  },
  {
    name: 'fill-before-base',
    without: 'a fill that was read before what may be forgotten is refused',
    edits: [
      {
        file: RECORD,
        from: "if (forgotten || comparePositions(fill.asOf, meta.base) < 0) return 'base';",
        to: '',
      },
    ],
    schedules: 5_000,
    faults: ['store-emptied', 'stall', 'replica-stall'],
  },
  {
    name: 'fill-of-coming-era',
    without: 'a store takes no value of an era that it has not entered',
    edits: [{ file: RECORD, from: "if (fill.asOf.era > meta.horizon.era) return 'era';", to: '' }],
    schedules: 20_000,
    faults: ['source-restore', 'store-down', 'store-hung'],
  },
  {
    name: 'fill-into-another-life',
    without: 'a fill from before the store was emptied is refused',
    edits: [
      { file: RECORD, from: "if (fill.incarnation !== meta.incarnation) return 'incarnation';", to: '' },
    ],
    test: 'packages/core/src/protocol/verdicts.property.test.ts',
  },
  {
    name: 'fill-after-rollback',
    without: 'a fill from before the store went back is refused',
    edits: [{ file: RECORD, from: "if (meta.revision < fill.revision) return 'rolled-back';", to: '' }],
    test: 'packages/core/src/protocol/verdicts.property.test.ts',
  },
  {
    name: 'fill-of-old-epoch',
    without: 'a fill from before an epoch is refused',
    edits: [{ file: RECORD, from: "if (fill.epoch < meta.epoch) return 'epoch';", to: '' }],
    test: 'packages/core/src/protocol/verdicts.property.test.ts',
  },
  {
    name: 'scope-checked-nowhere',
    without: 'what was loaded before its keyspace was invalidated is neither taken nor served',
    edits: [
      {
        file: RECORD,
        from: "if (fill.scope < (meta.scopes.get(keyspaceOf(fill.key)) ?? 0)) return 'scope';",
        to: '',
      },
      {
        file: RECORD,
        from: 'value.scope < (meta.scopes.get(keyspace) ?? 0)',
        to: 'false && keyspace === ""',
      },
    ],
    schedules: 1_000,
  },
  {
    name: 'old-epoch-served',
    without: 'raising the epoch voids all values',
    edits: [{ file: RECORD, from: 'value.epoch < meta.epoch ||', to: '' }],
    test: 'packages/memory/src/memory-store.test.ts',
  },
  {
    name: 'old-era-served',
    without: 'values of an older era are void',
    edits: [{ file: RECORD, from: 'value.version.era < meta.horizon.era ||', to: '' }],
    schedules: 3_000,
    faults: ['source-restore'],
  },
  {
    name: 'stale-after-ttl',
    without: 'a value past its TTL and stale window is not served',
    edits: [
      {
        file: RECORD,
        from: "return ageMs < value.freshMs + value.staleMs ? 'stale' : 'expired';",
        to: "return 'stale';",
      },
    ],
    test: 'packages/core/src/protocol/record.property.test.ts',
  },
  {
    name: 'base-stays',
    without: 'the base follows the horizon before tombstones expire',
    edits: [
      { file: STATE, from: 'base = maxPosition(base, history.shift()!.horizon);', to: 'history.shift();' },
    ],
    test: 'packages/memory/src/memory-store.test.ts',
  },
  {
    name: 'barrier-over-a-gap',
    without: 'a barrier that begins after the horizon is a gap',
    edits: [
      {
        file: STATE,
        from: "if (comparePositions(advance.from, meta.horizon) > 0) return { state, outcome: 'gap' };",
        to: '',
      },
    ],
    test: 'packages/memory/test/partitioned-store.test.ts',
  },
  {
    name: 'lost-batches-unnoticed',
    without: 'a store that lost batches of the chain refuses its barriers',
    edits: [
      {
        file: STATE,
        from: 'if (expect !== null && expect !== state.mark) return { state, lineage: null };',
        to: '',
      },
    ],
    test: 'packages/memory/test/partitioned-store.test.ts',
  },
  {
    name: 'horizon-goes-back',
    without: 'a barrier that ends before the horizon moves nothing',
    edits: [
      {
        file: STATE,
        from: "if (comparePositions(advance.to, meta.horizon) < 0) return { state, outcome: 'behind' };",
        to: '',
      },
      {
        file: STATE,
        from: 'const horizon = maxPosition(meta.horizon, advance.to);',
        to: 'const horizon = advance.to;',
      },
    ],
    schedules: 2_000,
  },
  {
    name: 'base-of-old-era-kept',
    without: 'entering an era moves the base to its horizon',
    edits: [{ file: STATE, from: '    base = horizon;\n    history = [];', to: '    history = [];' }],
    test: 'packages/memory/src/memory-store.test.ts',
  },
  {
    name: 'refilled-by-a-late-fill',
    without: 'a fill replaces no value of its version that came since its miss',
    edits: [
      {
        file: 'packages/core/src/protocol/record.ts',
        from: "if (fill.replaces !== 'any' && fill.replaces !== known.filledAtMs) return 'refilled';",
        to: "if (fill.replaces === 0) return 'refilled';",
      },
    ],
    test: 'packages/memory/src/memory-store.test.ts',
  },
  {
    name: 'any-token-gives-back',
    without: 'a lease is given back by its holder only',
    edits: [
      {
        file: 'packages/memory/src/holder-map.ts',
        from: 'return this.#held.get(name)?.holder === holder && this.#held.delete(name);',
        to: 'void holder; return this.#held.delete(name);',
      },
    ],
    schedules: 1_000,
  },
  {
    name: 'lease-stolen',
    without: 'a lease has one holder at a time',
    edits: [
      {
        file: 'packages/memory/src/holder-map.ts',
        from: 'if (held && held.untilMs > nowMs && held.holder !== holder) return false;',
        to: 'void held;',
      },
    ],
    schedules: 500,
  },
  {
    name: 'overflow-forgets',
    without: 'a store with one tidemark too many counts as emptied',
    edits: [
      {
        file: 'packages/memory/src/record-map.ts',
        from: 'if (this.#slots.size >= this.#valuesMax * RECORDS_PER_VALUE) return false;',
        to: 'if (this.#slots.size >= this.#valuesMax * RECORDS_PER_VALUE) this.#slots.delete(this.#slots.keys().next().value!);',
      },
    ],
    schedules: 20_000,
  },
  {
    name: 'value-evicted-with-tidemark',
    without: 'eviction of a value keeps its tidemark',
    edits: [
      {
        file: 'packages/memory/src/record-map.ts',
        from: 'this.#slots.set(key, { record: { tidemark: record.tidemark, value: null }, untilMs });',
        to: 'void record; void untilMs; this.#slots.delete(key);',
      },
    ],
    schedules: 20_000,
  },
  {
    name: 'dependency-unchecked',
    without: 'a value whose dependency rose is not served',
    edits: [
      {
        file: DEPENDENCY,
        from: 'return record !== null && compareVersions(record.tidemark, version) <= 0;',
        to: 'void record; void version; return true;',
      },
    ],
    schedules: 3_000,
  },
  {
    name: 'dependency-lost-unnoticed',
    without: 'a dependency that is no longer watched counts as risen',
    edits: [
      {
        file: DEPENDENCY,
        from: 'return record !== null && compareVersions',
        to: 'return record === null || compareVersions',
      },
    ],
    test: 'packages/memory/src/memory-store.test.ts',
  },
  {
    name: 'forgotten-without-barrier',
    without: 'a store that no barrier reached for long refuses fills',
    edits: [
      {
        file: STATE,
        from: 'return !last || nowMs - last.atMs > forgetAfterMs;',
        to: 'void nowMs; void forgetAfterMs; return !last;',
      },
    ],
    test: 'packages/simulator/test/past-failures.test.ts',
  },
  {
    name: 'initialised-without-its-edge',
    without: 'an empty store becomes usable only with what was applied to it',
    edits: [
      {
        file: STORE,
        from: 'if (!this.#state && mark !== undefined && mark !== this.#markWhileEmpty) {',
        to: 'if (!this.#state && mark === "") {',
      },
    ],
    test: 'packages/memory/src/memory-store.test.ts',
  },
  {
    name: 'scopes-of-a-coming-era-lost',
    without: 'what a store hears of a keyspace in an era that it has not entered raises its epoch',
    edits: [
      {
        file: STATE,
        from: '      meta = { ...meta, epoch: meta.epoch + 1 };\n      continue;\n    }\n    if (version.n <=',
        to: '      continue;\n    }\n    if (version.n <=',
      },
    ],
    test: 'packages/core/src/protocol/store-state.property.test.ts',
  },
];
