import type { NetworkKnobs } from '../kernel/network.ts';
import type { DeliveryKnobs } from '../ports/stream-follower.ts';
import type { RowKnobs } from '../run/rows.ts';
import type { StoreKnobs } from '../servers/store-server.ts';

export const FAULT_KINDS = [
  'region-cut',
  'one-way-cut',
  'slow-link',
  'source-away',
  'source-down',
  'source-restart',
  'source-restore',
  'leader-dropped',
  'long-transaction',
  'deletes-collected',
  'replica-stall',
  'replica-down',
  'store-down',
  'store-hung',
  'store-emptied',
  'store-rolled-back',
  'store-clock-jump',
  'bus-down',
  'stream-purged',
  'stream-reset',
  'crash',
  'crash-at-call',
  'stall',
  'wall-clock-jump',
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

/** Something that goes wrong on purpose. Plain data. */
export interface Fault {
  readonly kind: FaultKind;
  readonly atMs: number;
  readonly forMs: number;
  /** Which region, node, store or replica: taken modulo how many there are. */
  readonly target: number;
  /** How much of it, in [0, 1): what that means is the fault's business. */
  readonly amount: number;
}

export type OperationKind =
  | 'read'
  | 'read-many'
  | 'write'
  | 'remove'
  | 'write-two'
  | 'write-aborted'
  | 'write-all'
  | 'write-sql'
  | 'publish'
  | 'publish-back'
  | 'view';

/** One thing that the service does. Plain data. */
export interface Operation {
  readonly kind: OperationKind;
  readonly atMs: number;
  /** Taken modulo how many there are. */
  readonly node: number;
  readonly row: number;
  readonly keyspace: 'row' | 'copy';
  readonly level: 'eventual' | 'bounded' | 'session' | 'latest';
  /** Of bounded reads. */
  readonly boundMs: number;
  readonly whenUnproven: 'bypass' | 'fail' | 'serve';
  /** Operations of one session follow each other. */
  readonly session: number;
}

export interface ClockPlan {
  readonly offsetMs: number;
  readonly rate: number;
  readonly wallSkewMs: number;
}

/** Everything that a run is set up with, besides its luck. */
export interface Knobs {
  readonly network: NetworkKnobs;
  readonly delivery: DeliveryKnobs;
  readonly store: StoreKnobs;
  readonly partitions: number;
  readonly messagesMax: number;
  readonly rows: RowKnobs;
  readonly replicaLagsMs: readonly number[];
  /** How often a loader takes its time, and how long, ms. */
  readonly slowLoad: number;
  readonly slowLoadMs: number;
  readonly callTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly loadTimeoutMs: number;
  readonly leaseWaitMs: number;
  readonly l1EntriesMax: number;
  readonly loadConcurrencyMax: number;
  readonly sessions: boolean;
}

/** A schedule: with its seed it decides everything that happens. Plain data, so that it can be kept and made smaller. */
export interface Plan {
  /** Of the luck of messages, loads and back-offs. */
  readonly seed: number;
  readonly profile: string;
  /** Nodes of each region; the source is in the first. */
  readonly nodes: readonly number[];
  readonly clocks: readonly ClockPlan[];
  readonly rows: number;
  /**
   * Schema versions of the service's releases, as they follow each other at a place: neighbours are one apart, and who
   * comes after a crash is of the next one, as while a deploy rolls.
   */
  readonly releases: readonly number[];
  /** When everything is healed, ms. */
  readonly endMs: number;
  readonly knobs: Knobs;
  readonly operations: readonly Operation[];
  readonly faults: readonly Fault[];
}
