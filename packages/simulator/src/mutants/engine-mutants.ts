import type { Mutant } from './mutant.ts';

const NODE = 'packages/core/src/node/';
const PROTOCOL = 'packages/core/src/protocol/';

/** What nodes and sources rest on. */
export const ENGINE_MUTANTS: readonly Mutant[] = [
  {
    name: 'label-after-value',
    without: 'a value is labelled with what was known before it was read',
    edits: [
      {
        file: `${NODE}loader.ts`,
        from: '    await book?.note(wanted.flatMap((i) => [keys[i]!, ...fixed.get(i)!]));\n',
        to: "    if (origin === 'replica') await book?.note(wanted.flatMap((i) => [keys[i]!, ...fixed.get(i)!]));\n",
      },
      {
        file: `${NODE}loader.ts`,
        from: '    const after = book &&',
        to: "    if (origin === 'primary') await book?.note(wanted.flatMap((i) => [keys[i]!, ...fixed.get(i)!]));\n    const after = book &&",
      },
    ],
    schedules: 3_000,
  },
  {
    name: 'replica-believed',
    without: 'a replica that has not seen what the region knows is not believed',
    edits: [
      {
        file: `${NODE}loader.ts`,
        from: 'wanted.filter((i) => compareVersions(book!.of(keys[i]!).version, needs[i]!) >= 0)',
        to: '(void compareVersions, void needs, wanted)',
      },
      {
        file: `${NODE}settler.ts`,
        from: "if (origin === 'replica' && (word !== 'admitted' || overtaken)) return null;",
        to: '',
      },
    ],
    schedules: 3_000,
  },
  {
    name: 'l1-before-verdict',
    without: 'L1 takes only what the store admitted',
    edits: [
      { file: `${NODE}settler.ts`, from: "const vouched = word !== 'refused' && ", to: 'const vouched = ' },
    ],
    test: 'packages/memory/test/session.test.ts',
  },
  {
    name: 'retired-entry-served',
    without: 'an entry that L1 dropped is no hit, wherever it was kept at hand',
    edits: [
      {
        file: `${NODE}l1-front.ts`,
        from: 'return entry !== undefined && entry.value !== undefined ? entry : undefined;',
        to: 'return entry;',
      },
      { file: `${NODE}l1-entry.ts`, from: '    this.value = undefined;\n', to: '' },
    ],
    test: 'packages/memory/test/l1-front.test.ts',
  },
  {
    name: 'texts-share-a-number',
    without: 'entries at hand are found by their own parameters only',
    edits: [{ file: `${NODE}param-numbers.ts`, from: 'this.#last += 1;', to: 'this.#last = 1;' }],
    test: 'packages/memory/test/l1-front.test.ts',
  },
  {
    name: 'terms-of-another-era',
    without: 'entries share only terms that are the same',
    edits: [{ file: `${NODE}l1-entries.ts`, from: 'each.era === wanted.era &&', to: '' }],
    test: 'packages/core/src/node/l1-entries.test.ts',
  },
  {
    name: 'l1-without-floors',
    without: 'what a node heard of is compared with what it loads and finds',
    edits: [
      {
        file: `${NODE}seen-floors.ts`,
        from: 'return known !== undefined && compareVersions(version, known.version) < 0;',
        to: 'void version; return known === undefined && false;',
      },
    ],
    schedules: 5_000,
  },
  {
    name: 'scopes-not-remembered',
    without: 'a node remembers which keyspaces were invalidated',
    edits: [
      {
        file: `${NODE}seen-floors.ts`,
        from: ' || this.isBelow(keyspaceOf(key), { era: version.era, n: scope })',
        to: '; void keyspaceOf; void scope',
      },
    ],
    schedules: 20_000,
  },
  {
    name: 'late-feed-message-dropped',
    without: 'a feed message that was overtaken still tells what it tells',
    edits: [
      {
        file: `${NODE}feed-follower.ts`,
        from: 'if (message.invalidations.length > 0) this.#listener.onInvalidations(message.invalidations, headers);\n      return;',
        to: 'return;',
      },
    ],
    test: 'packages/memory/test/late-feed.test.ts',
  },
  {
    name: 'put-after-reset',
    without: 'a read from before a reset puts nothing into L1',
    edits: [
      {
        file: `${NODE}l1-cache.ts`,
        from: 'if (ticket === null || ticket !== this.#life || !this.#open) return false;',
        to: 'if (ticket === null || !this.#open) return false;',
      },
    ],
    test: 'packages/core/src/node/l1-cache.test.ts',
  },
  {
    name: 'l1-kept-when-joining',
    without: 'a node that takes a new place in the feed starts over',
    edits: [
      {
        file: `${NODE}feed-listener.ts`,
        from: '    onJoin() {\n      counters.feedGaps += 1;\n      reads.reset(true);',
        to: '    onJoin() {\n      counters.feedGaps += 1;\n      reads.l1.ticket() ?? reads.reset(true);',
      },
    ],
    schedules: 10_000,
  },
  {
    name: 'feed-gap-ignored',
    without: 'a hole in the feed is noticed',
    edits: [
      {
        file: `${PROTOCOL}feed-places.ts`,
        from: "return seq === known + 1 ? 'next' : 'gap';",
        to: "return 'next';",
      },
    ],
    schedules: 10_000,
  },
  {
    name: 'wall-clock-bound',
    without: "a bound is measured by the node's own monotonic clock",
    edits: [
      {
        file: `${NODE}l1-reader.ts`,
        from: "if (consistency.level === 'bounded') return allows(consistency, nowMs - this.#provenAt(entry));",
        to: "if (consistency.level === 'bounded') return allows(consistency, (this.#options.runtime.wallMs() % 2) + 0 * (nowMs - this.#provenAt(entry)));",
      },
    ],
    test: 'packages/memory/test/bounded-l1.test.ts',
  },
  {
    name: 'bound-unchecked-in-l2',
    without: 'a bounded read from the store has a proof',
    edits: [
      { file: `${NODE}l2-reader.ts`, from: "if (!allows(consistency, boundMs)) return 'unproven';", to: '' },
    ],
    test: 'packages/memory/test/partitioned-store.test.ts',
  },
  {
    name: 'session-allows-everything',
    without: 'a session compares what it is served with what it knows',
    edits: [
      {
        file: `${PROTOCOL}session-state.ts`,
        from: 'if (compareVersions(version, required) < 0) return false;',
        to: 'void compareVersions; void required; void version;',
      },
    ],
    schedules: 3_000,
  },
  {
    name: 'session-forgets-its-writes',
    without: 'a session knows what it wrote',
    edits: [
      {
        file: 'packages/core/src/session/session.ts',
        from: 'for (const { key, version } of invalidations) this.#note(key, version);',
        to: 'void invalidations;',
      },
    ],
    schedules: 5_000,
  },
  {
    name: 'session-forgets-l1-hits',
    without: 'a session knows what it saw in L1',
    edits: [{ file: `${NODE}l1-reader.ts`, from: '    consistency.saw(key, entry);\n', to: '' }],
    test: 'packages/memory/test/session.test.ts',
  },
  {
    name: 'session-at-value-of-later-label',
    without: 'loads whose label moved are not cached where sessions are used',
    edits: [
      {
        file: `${NODE}options.ts`,
        from: 'exactLabels: options.exactLabels ?? (options.sessionSecrets ?? []).length > 0,',
        to: 'exactLabels: false,',
      },
    ],
    test: 'packages/memory/test/session-labels.test.ts',
  },
  {
    name: 'joined-flight-too-old',
    without: 'a reader joins a load only if that began late enough for it',
    edits: [
      {
        file: `${NODE}single-flight.ts`,
        from: '      known.startedAtMs >= terms.notBeforeMs &&\n      compareVersions(known.tidemark, terms.tidemark) >= 0\n',
        to: '      (void compareVersions, true)\n',
      },
      {
        file: `${NODE}single-flight.ts`,
        from: '  part(key: string): void {\n    this.#flights.delete(key);',
        to: '  part(key: string): void {\n    void key;',
      },
    ],
    schedules: 20_000,
  },
  {
    name: 'lease-never-waited-for',
    without: 'readers wait for the process that loads',
    edits: [
      {
        file: `${NODE}lease-loader.ts`,
        from: '(held && wanted.waits ? later : now).push(i)',
        to: '(held && wanted.waits && i < 0 ? later : now).push(i)',
      },
    ],
    test: 'packages/memory/test/lease-wait.test.ts',
  },
  {
    name: 'era-stays-after-restore',
    without: 'a restore of the source begins an era',
    edits: [
      { file: 'packages/memory/src/memory-database.ts', from: '    this.raiseEra(0);\n  }', to: '  }' },
    ],
    schedules: 3_000,
    faults: ['source-restore'],
  },
  {
    name: 'horizon-over-open-transactions',
    without: 'the horizon stays below transactions that have not ended',
    edits: [
      {
        file: 'packages/memory/src/memory-database.ts',
        from: 'if (transaction.xid !== 0) xid = Math.min(xid, transaction.xid);',
        to: 'void transaction;',
      },
    ],
    schedules: 10_000,
  },
  {
    name: 'members-of-any-generation',
    without: "the key of a group's member names its generation",
    edits: [
      {
        file: `${PROTOCOL}generation.ts`,
        from: 'return `member:${group}:${generation}`;',
        to: 'void generation; return `member:${group}:1.1`;',
      },
    ],
    schedules: 3_000,
  },
  {
    name: 'rejection-unhandled',
    without: 'what nobody waits for any more may fail',
    edits: [
      {
        file: `${NODE}l2-reader.ts`,
        from: '      for (const each of asked.values()) each.catch(() => {});\n',
        to: '',
      },
    ],
    schedules: 2_000,
  },
];
