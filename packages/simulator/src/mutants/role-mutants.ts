import type { Mutant } from './mutant.ts';

const NODE = 'packages/core/src/node/';
const ROLES = 'packages/core/src/roles/';
const PROTOCOL = 'packages/core/src/protocol/';

/** What relays, appliers and those who hear them rest on. */
export const ROLE_MUTANTS: readonly Mutant[] = [
  {
    name: 'nodes-before-store',
    without: 'the store is told before the nodes',
    edits: [
      {
        file: `${ROLES}applier-term.ts`,
        from: '      let behind = false;\n',
        to: '      let behind = false;\n      this.#feed.invalidate(invalidations);\n',
      },
      {
        file: `${ROLES}applier-term.ts`,
        from: "      // The nodes' L1s can be kept right even while the store is away.\n      this.#feed.invalidate(invalidations, carriers.knowsWriter ? telemetry.inject() : undefined);\n",
        to: '',
      },
      {
        file: `${NODE}seen-floors.ts`,
        from: 'return known !== undefined && compareVersions(version, known.version) < 0;',
        to: 'void version; return known === undefined && false;',
      },
    ],
    schedules: 20_000,
  },
  {
    name: 'barrier-before-changes',
    without: 'a barrier follows what it speaks of',
    edits: [
      {
        file: `${ROLES}relay.ts`,
        from: 'let published = await this.#publishNew(first.changes);',
        to: 'let published = first.changes.length;',
      },
    ],
    schedules: 2_000,
  },
  {
    name: 'discontinuity-ignored',
    without: 'a stream that may have lost messages is a gap',
    edits: [
      {
        file: `${ROLES}applier-term.ts`,
        from: 'if (discontinuity) this.#noteGap(region, discontinuity);',
        to: '',
      },
      {
        file: `${PROTOCOL}relay-chain.ts`,
        from: "return whole ? 'whole' : 'hole';",
        to: "void whole; return 'whole';",
      },
    ],
    schedules: 10_000,
  },
  {
    name: 'hole-ignored',
    without: "a hole in a relay's numbers is a gap",
    edits: [
      {
        file: `${PROTOCOL}relay-chain.ts`,
        from: "return whole ? 'whole' : 'hole';",
        to: "void whole; return 'whole';",
      },
    ],
    schedules: 10_000,
  },
  {
    name: 'resync-brings-nothing',
    without: 'a resync applies what was missed before it moves the horizon',
    edits: [
      {
        file: `${ROLES}resync.ts`,
        from: 'await partition.write(applicable);',
        to: 'await partition.write([]); void applicable;',
      },
    ],
    schedules: 5_000,
  },
  {
    name: 'claim-of-any-store-state',
    without: 'a proof is lent only to the store states that it names',
    edits: [
      {
        file: `${NODE}freshness-proof.ts`,
        from: 'return this.shows(meta) ? this.#closedMs : UNPROVEN;',
        to: 'void meta; return this.#closedMs;',
      },
    ],
    test: 'packages/core/src/node/freshness-proof.test.ts',
  },
  {
    name: 'proof-from-its-arrival',
    without: 'closed time is when the ping was sent, not when its echo came',
    edits: [
      {
        file: `${NODE}feed-follower.ts`,
        from: 'if (message.claim && sent) this.#listener.onClaim(message.claim, sent.atMs);',
        to: 'if (message.claim && sent) this.#listener.onClaim(message.claim, this.#runtime.monoMs());',
      },
    ],
    schedules: 10_000,
  },
  {
    name: 'echo-after-snapshot',
    without: 'a barrier echoes only pings that came before its snapshot',
    edits: [
      {
        file: `${ROLES}relay.ts`,
        from: '  async #publishSince(echoes: readonly Echo[]): Promise<void> {',
        to: '  takeLate: () => Echo[] = () => [];\n\n  async #publishSince(early: readonly Echo[]): Promise<void> {\n    let echoes = early;',
      },
      {
        file: `${ROLES}relay.ts`,
        from: '    const moved = comparePositions(first.horizon, since) !== 0;',
        to: '    echoes = [...echoes, ...this.takeLate()];\n    const moved = comparePositions(first.horizon, since) !== 0;',
      },
      {
        file: `${ROLES}relay.ts`,
        from: '      await term.begin();\n',
        to: '      term.takeLate = () => this.#takePings();\n      await term.begin();\n',
      },
    ],
    test: 'packages/memory/test/relay-echo.test.ts',
  },
];
