import type { FillVerdict, Freshness, Generation, L1Facts, Position, Version } from '@tidemark/core';
import type { RedisKeyFacts } from '@tidemark/redis';
import type { Reached } from './reached.ts';

/** What the source says of a key. */
export interface KeySource {
  /** When it answered, by the clock here, ms since 1970: ages are back from then. */
  readonly askedAtMs: number;
  /** Region through which it was asked. */
  readonly through: string;
  readonly horizon: Position;
  /** What a value that was loaded now would be labelled with. */
  readonly label: Version;
  /** Version `n` of the keyspace's scope key; 0: the keyspace was never invalidated as a whole. */
  readonly scope: number;
  /** The changelog's row; null: the key was never written, or its row was collected after a delete. */
  readonly row: { readonly version: Version; readonly ageMs: number; readonly deleted: boolean } | null;
  /** The earlier content that the key was rolled back to; null unless that still counts. */
  readonly pin: { readonly origin: Version; readonly bytes: number | null } | null;
}

/** A store's own state. */
export interface MetaView {
  readonly incarnation: string;
  readonly epoch: number;
  readonly lineage: string;
  readonly revision: number;
  readonly horizon: Position;
  readonly base: Position;
  /** Of the key's keyspace. */
  readonly scope: number;
}

/** The value that a store keeps. */
export interface ValueView {
  readonly version: Version;
  readonly scope: number;
  readonly epoch: number;
  readonly schema: number;
  /** Null: the source had nothing for this key (negative entry). */
  readonly bytes: number | null;
  /** Of a member of a group; or, of a group's pointer (`group:NAME`), the one that is current. Else null. */
  readonly generation: Generation | null;
  readonly ageMs: number;
  /** Of its TTL, ms; negative when it is past. */
  readonly freshLeftMs: number;
  readonly staleLeftMs: number;
  /** What it was made from. */
  readonly dependencies: readonly {
    readonly key: string;
    readonly version: Version;
    /** As the store has it now; null: it is not watched any more. */
    readonly tidemark: Version | null;
  }[];
}

/** Whether a read at one consistency level is answered by the region's store, and why. */
export interface Serving {
  readonly served: boolean;
  /** For programs: `fresh`, `stale`, `unproven`, `behind-source`, `source-away`, or a `Freshness`. */
  readonly why: Freshness | 'unproven' | 'behind-source' | 'source-away';
  /** For people. */
  readonly text: string;
}

/** A key in one region's store. */
export interface KeyStore {
  /** When it answered, by the clock here, ms since 1970: ages are back from then. */
  readonly askedAtMs: number;
  /** Null: the store has no state yet; nothing in it counts. */
  readonly meta: MetaView | null;
  readonly tidemark: Version | null;
  readonly value: ValueView | null;
  /** Encoded value in base64, when it was asked for. */
  readonly data?: string | null;
  readonly redis: RedisKeyFacts;
  /** Earlier values for rollbacks, newest first. */
  readonly retained: readonly {
    readonly version: Version;
    readonly ageMs: number;
    readonly schema: number;
    readonly bytes: number | null;
  }[];
  /** Every write acknowledged longer ago is proven to be applied in this store, ms; null: nothing is proven. */
  readonly boundMs: number | null;
  /** What the engine's rules say of the value. */
  readonly verdict: Freshness;
  readonly serves: {
    readonly eventual: Serving;
    readonly bounded: Serving & { readonly ms: number };
    /** A session that has seen the newest version. */
    readonly session: Serving;
    readonly latest: Serving;
  };
  /** What the store would say to a value loaded from the source now; null when the source is away. */
  readonly fill: FillVerdict | null;
}

/** A key in the L1s of one region's nodes: of those that answered in time, by their names. */
export interface KeyNodes {
  readonly nodes: readonly ({ readonly node: string } & L1Facts)[];
}

/** One key, everywhere. Plain data. */
export interface KeyView {
  readonly key: string;
  readonly keyspace: string;
  readonly source: Reached<KeySource>;
  readonly regions: readonly ({ readonly region: string } & Reached<KeyStore>)[];
  /** Only when it was asked for. */
  readonly l1?: readonly ({ readonly region: string } & Reached<KeyNodes>)[];
}
