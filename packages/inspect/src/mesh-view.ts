import type { Position } from '@tidemark/core';
import type { NatsServerFacts, StreamLook } from '@tidemark/nats';
import type { Backlog, SourceFacts } from '@tidemark/postgres';
import type { Held, RedisServerFacts } from '@tidemark/redis';
import type { Reached } from './reached.ts';

/** A region's store and its server. */
export interface StoreView {
  readonly address: string;
  readonly server: RedisServerFacts;
  /** Null: the store is new or was emptied, and nothing has set it up yet. */
  readonly meta: {
    readonly incarnation: string;
    readonly lineage: string;
    readonly epoch: number;
    readonly revision: number;
    readonly horizon: Position;
    readonly base: Position;
    /** Keyspaces that were invalidated as a whole, with the version. */
    readonly scopes: Readonly<Record<string, number>>;
  } | null;
  /** Who applies; null: nobody does. */
  readonly applier: Held | null;
}

/** A region's NATS, its stream and who follows it. */
export interface BusView {
  readonly address: string;
  readonly server: NatsServerFacts;
  /** Null: there is no stream yet. Without `followers`: see the pairs. */
  readonly stream: Omit<StreamLook, 'followers'> | null;
  /** The newest barrier on it; null when none is among its last messages. A relay publishes in one region only. */
  readonly barrier: { readonly to: Position; readonly life: string; readonly ageMs: number } | null;
}

/** What this region can prove. */
export interface FreshnessView {
  /** Every write acknowledged longer ago than this is proven to be applied here, ms; null: nothing is proven. */
  readonly boundMs: number | null;
  /** Why nothing is. */
  readonly reason: string | null;
}

/** One region. */
export interface RegionView {
  readonly region: string;
  readonly role: 'home' | 'replica';
  readonly redis: Reached<StoreView>;
  readonly nats: Reached<BusView>;
  /** The source, as this region's address of it leads there. */
  readonly postgres: Reached<{ readonly address: string; readonly roundTripMs: number }>;
  readonly freshness: FreshnessView;
  /** What the changelog has beyond the store's horizon; null when store or source are away, or it can't be told. */
  readonly backlog: Backlog | null;
  /** Changes that the region can't apply; null when that can't be told. */
  readonly deadLetters: number | null;
}

/** Whether, and how far, one region follows the stream of another one (or its own). */
export interface PairView {
  readonly from: string;
  readonly to: string;
  /** Null: `from` can't be asked. */
  readonly following: boolean | null;
  /** Messages on the stream of `from` that the applier of `to` was not given yet. */
  readonly messages: number | null;
  /** Age of the oldest of them, ms: by the clock of the server that stored it and the one here. */
  readonly behindMs: number | null;
  readonly roundTripMs: number;
  readonly reason: string | null;
}

/** A mesh at one moment. Plain data. */
export interface MeshView {
  readonly atMs: number;
  readonly source: string;
  readonly namespace: string;
  /** The source, asked through the region that it says. */
  readonly truth: Reached<{ readonly through: string } & SourceFacts>;
  /** Where the relay publishes; null when no stream shows a barrier of the last seconds. */
  readonly relay: { readonly region: string; readonly ageMs: number } | null;
  /** The home region first. */
  readonly regions: readonly RegionView[];
  /** Every ordered pair of regions, and each region with itself. */
  readonly pairs: readonly PairView[];
  /** What needs somebody: empty when all is reachable and proven. */
  readonly troubles: readonly Trouble[];
}

/** Something that an operator should look at; `doctor` says more. */
export interface Trouble {
  /** Null: the mesh as a whole. */
  readonly region: string | null;
  readonly code:
    | 'unreachable'
    | 'unproven'
    | 'no-applier'
    | 'no-relay'
    | 'not-followed'
    | 'dead-letters'
    | 'empty-store';
  readonly text: string;
}
