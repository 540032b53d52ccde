import type { Freshness, FillVerdict } from '../protocol/record.ts';

/** One unit of work that a trace shows. */
export interface Span {
  set(attributes: SpanAttributes): void;
  /** Ends the span; with an error when the work failed. */
  end(error?: unknown): void;
}

/** Names of the spans that the engine makes. */
export type SpanName =
  /** A read that L1 did not answer; only inside a trace that is kept. */
  | 'tidemark.read'
  /** What a miss does: lease, load, fill. */
  | 'tidemark.fetch'
  | 'tidemark.lease_wait'
  | 'tidemark.load'
  /** Links to the write that invalidated the key, if that is known. */
  | 'tidemark.fill'
  | 'tidemark.write'
  /** Changelog and commit. */
  | 'tidemark.bump'
  /** Raises the tidemarks of the writer's own region. */
  | 'tidemark.raise'
  | 'tidemark.publish'
  | 'tidemark.relay'
  /** The relay's word that all before it was told; only of one that closes changes. */
  | 'tidemark.barrier'
  | 'tidemark.apply'
  | 'tidemark.resync'
  | 'tidemark.warmup'
  | 'tidemark.warmup.batch';

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** Headers that carry a trace from one process to another. */
export type Carrier = Readonly<Record<string, string>>;

/** Where a span belongs. Without a parent it is a child of the current one. */
export interface SpanOrigin {
  readonly parent?: Carrier | undefined;
  readonly links?: readonly Carrier[];
}

/**
 * How the engine tells what it does, without depending on a telemetry library.
 * `@tidemark/otel` implements it; the default does nothing and costs nothing.
 */
export interface Telemetry {
  /** False: `record` does nothing, and reads do not call it. Left out: true. */
  readonly records?: boolean;
  /** Whether what begins now belongs to a trace that is kept. Left out: never. */
  traced?(): boolean;
  /** Runs `work` inside a new span. Attribute `tidemark.key` is a key in plain text: it may be secret. */
  trace<T>(
    name: SpanName,
    attributes: SpanAttributes,
    origin: SpanOrigin | undefined,
    work: (span: Span) => Promise<T>,
  ): Promise<T>;
  /** Called when a node starts: what it shows may be looked at until the returned call. */
  observe?(gauges: () => NodeGauges): () => void;
  /** Headers that carry the current trace to another process; undefined when there is none. */
  inject(): Record<string, string> | undefined;
  /** Counts and durations. Called on hot paths only when it differs from the default. */
  record(event: EngineEvent): void;
}

/** What a node is like now. */
export interface NodeGauges {
  /** Every write acknowledged longer ago than this is proven to be applied here, ms; infinite while nothing is. */
  readonly stalenessBoundMs: number;
  readonly l1Entries: number;
  /** As estimated for `l1BytesMax`. */
  readonly l1Bytes: number;
  /** Entries that L1 gave up for want of room since the node started. */
  readonly l1Evictions: number;
  /** Loads that wait for their turn at the source. */
  readonly loadsWaiting: number;
}

export type Tier = 'l1' | 'l2' | 'source';

/** What happened, with labels of low cardinality only: never a key. */
export type EngineEvent =
  | {
      readonly type: 'read';
      readonly keyspace: string;
      readonly tier: Tier;
      readonly why: MissReason | Served;
    }
  | { readonly type: 'load'; readonly keyspace: string; readonly ms: number; readonly ok: boolean }
  | {
      readonly type: 'fill';
      readonly keyspace: string;
      /** `moved`, `seen-newer`: the node knew better, and did not ask the store. */
      readonly verdict: FillVerdict | 'moved' | 'seen-newer';
      /** For how long it is fresh. */
      readonly freshMs: number;
    }
  /** A value of L2 was served, so long after it was filled. */
  | { readonly type: 'age'; readonly keyspace: string; readonly ms: number }
  | { readonly type: 'lease-wait'; readonly keyspace: string; readonly ms: number }
  | { readonly type: 'write'; readonly ms: number; readonly keys: number; readonly ok: boolean }
  | { readonly type: 'publish'; readonly events: number; readonly ok: boolean }
  | { readonly type: 'apply'; readonly from: string; readonly events: number }
  | { readonly type: 'propagation'; readonly from: string; readonly ms: number }
  /** All that committed before `atMs` on the source's clock, ms since 1970, is applied to the region's store. */
  | { readonly type: 'horizon'; readonly atMs: number }
  | { readonly type: 'gap'; readonly from: string; readonly reason: string }
  | { readonly type: 'resync'; readonly changes: number; readonly ms: number; readonly ok: boolean }
  | { readonly type: 'bad-message'; readonly from: string; readonly reason: string }
  /** A message of a later release, which this one leaves aside. */
  | { readonly type: 'later-message'; readonly from: string; readonly reason: string }
  /** Changes that the region can't apply; while there are any, nothing is proven fresh. */
  | { readonly type: 'dead-letters'; readonly open: number }
  | { readonly type: 'feed-gap'; readonly reason: string }
  | { readonly type: 'staleness-bound'; readonly scope: 'region' | 'node'; readonly ms: number }
  /**
   * A command of the store failed; or, as `encode` and `decode`, a value that the codec refused, or that came back
   * as something which the codec or the schema refuses. `error` says what was wrong with it.
   */
  | { readonly type: 'store-error'; readonly operation: string; readonly error?: unknown }
  /** A write did not wait for its region's store, whose circuit is open: the applier tells it of so many events. */
  | { readonly type: 'raise-skipped'; readonly events: number }
  /** A circuit opened (again), or closed: of the store's partition, or of a keyspace's loads. */
  | {
      readonly type: 'breaker';
      readonly of: 'store' | 'source';
      readonly name: string;
      readonly open: boolean;
    }
  | { readonly type: 'role'; readonly role: 'relay' | 'applier'; readonly leading: boolean }
  /** A verifier asked tiers of a region so long after an invalidation. */
  | {
      readonly type: 'verified';
      readonly region: string;
      readonly tier: 'l1' | 'l2';
      readonly ageMs: number;
      readonly outcome: 'consistent' | 'inconsistent' | 'notAsked' | 'late';
      readonly times: number;
    }
  /** A verifier found something that must not be. */
  | {
      readonly type: 'finding';
      readonly kind: string;
      readonly region: string;
      readonly tier: 'l1' | 'l2';
      /** 0: it may come to be found. */
      readonly times: number;
    }
  /** Where a warm-up stands. */
  | {
      readonly type: 'warmup';
      readonly keys: number;
      readonly filled: number;
      readonly refused: number;
      readonly bytes: number;
      /** 0 to 1. */
      readonly coverage: number;
      /** 0 to 1; null when no reads are known. */
      readonly hitRate: number | null;
      /** Of full speed, 0 to 1: less while live traffic waits longer than usual. */
      readonly speed: number;
    };

/** How a tier answered a read. */
export type Served = 'fresh' | 'stale' | 'stale-if-error';

/** Why a tier did not answer a read. */
export type MissReason =
  | Exclude<Freshness, 'fresh' | 'stale'>
  | 'unproven'
  | 'seen-newer'
  | 'rolled-back'
  | 'store-down';

const NO_SPAN: Span = { set() {}, end() {} };

/** Does nothing. */
export const noTelemetry: Telemetry = {
  trace: (_name, _attributes, _origin, work) => work(NO_SPAN),
  inject: () => undefined,
  record: () => {},
};

/** Whether `record` is worth calling; asked once, where a hot path is made. */
export function records(telemetry: Telemetry): boolean {
  return telemetry !== noTelemetry && telemetry.records !== false;
}
