/** A rule of the protocol that the model can do without, and what becomes of it then. */
export interface Rule {
  readonly what: string;
  /** `violated`: an invariant breaks. `redundant`: none does, since `partner` covers for it. */
  readonly expected: 'violated' | 'redundant';
  /** Without this rule as well, an invariant breaks. Only of rules that are redundant. */
  readonly partner?: string;
  /** The scope in which the rule has something to do; `small` when left out. */
  readonly scope?: Scope;
}

/**
 * Worlds that are searched, as the specification's macros. `never`: actions and answers that can't happen there, where
 * all others must; null where nobody asks.
 */
export const SCOPES = {
  small: {
    defines: ['WRITES=2'],
    flags: [],
    depthMax: 1_000_000,
    memoryMb: 2_000,
    // They take a store that goes back, a second applier, a second relay.
    never: [
      'gap: the store lost a batch', // after a barrier
      'gap: the store lost a batch', // at the end of a resync, as all below
      "behind: it ends before the store's horizon %d",
      "gap: it begins after the store's horizon %d",
      'applier %d: the store is initialised already',
    ],
  },
  /** A copy of the store may come back, as a lagging replica does when it is promoted. */
  rollback: {
    defines: ['WRITES=1', 'ROLLBACK'],
    flags: ['-DCOLLAPSE'],
    depthMax: 3_000_000,
    memoryMb: 4_000,
    // One write is never held above the horizon by another.
    never: [
      'raises version %d',
      'applier %d: raises the edge, version %d',
      "behind: it ends before the store's horizon %d",
    ],
  },
  /** A source that gives no versions: leases decide. No streams. */
  unversioned: {
    defines: ['WRITES=1', 'RELAYS=0', 'UNVERSIONED'],
    flags: ['-DCOLLAPSE'],
    depthMax: 3_000_000,
    memoryMb: 4_000,
    never: null,
  },
  large: {
    defines: ['WRITES=3'],
    flags: ['-DCOLLAPSE'],
    depthMax: 10_000_000,
    memoryMb: 6_000,
    never: null,
  },
} as const;

export type Scope = keyof typeof SCOPES;

/** The switch of a rule is its name in capitals: `tidemark-fill` is WITHOUT_TIDEMARK_FILL. */
export const RULES: Readonly<Record<string, Rule>> = {
  'tidemark-fill': { what: 'a fill below the tidemark is refused', expected: 'violated' },
  'tidemark-read': { what: 'a value below the tidemark is no fresh hit', expected: 'violated' },
  base: { what: 'a fill that was read before base is refused', expected: 'violated' },
  'base-after-wipe': {
    what: 'a store that was found empty begins with base at its horizon',
    expected: 'violated',
  },
  'epoch-raise': {
    what: 'when the changelog does not reach back, all values become void',
    expected: 'violated',
  },
  'epoch-base': {
    what: 'when the changelog does not reach back, base follows the horizon',
    expected: 'violated',
  },
  'epoch-read': { what: 'a value of an older epoch is no fresh hit', expected: 'violated' },
  'epoch-fill': {
    what: 'a fill whose miss saw an older epoch is refused',
    expected: 'redundant',
    partner: 'epoch-read',
  },
  incarnation: {
    what: 'a fill whose miss saw another life of the store is refused',
    expected: 'violated',
    scope: 'unversioned',
  },
  lease: {
    what: 'a fill without a version needs the lease',
    expected: 'violated',
    scope: 'unversioned',
  },
  'lease-token': {
    what: 'the lease is the token of the one that it was granted to',
    expected: 'violated',
    scope: 'unversioned',
  },
  'lease-void': {
    what: 'a raised tidemark voids the lease',
    expected: 'violated',
    scope: 'unversioned',
  },
  mark: {
    what: 'a barrier does not count where the batch before is not there',
    expected: 'violated',
    scope: 'rollback',
  },
  'claim-revision': {
    what: 'a claim holds for a store that shows its revision',
    expected: 'violated',
    scope: 'rollback',
  },
  'apply-first': { what: 'a barrier counts after what is before it was applied', expected: 'violated' },
  'barrier-chain': { what: 'a barrier that begins after the horizon is a gap', expected: 'violated' },
  'dense-numbers': { what: 'a barrier with a hole before it is a gap', expected: 'violated' },
  'final-horizon': {
    what: 'a horizon is the first transaction that is not final, not the last that was seen',
    expected: 'violated',
  },
  'ping-first': { what: 'a closed time is that of a ping from before the snapshot', expected: 'violated' },
  'claim-life': {
    what: 'a claim holds for one life of the store',
    expected: 'redundant',
    partner: 'base-after-wipe',
  },
  fold: { what: 'horizons that leave the ring are folded into base', expected: 'violated' },
  tombstones: { what: 'a tidemark is kept until base has passed it', expected: 'violated' },
  'edge-mark': {
    what: 'a store that was found empty is initialised only while it has its edge',
    expected: 'violated',
  },
};

/** The specification's macro that switches a rule off. */
export function switchOf(name: string): string {
  return `WITHOUT_${name.toUpperCase().replaceAll('-', '_')}`;
}
