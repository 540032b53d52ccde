import type { Freshness, FillVerdict } from '../protocol/record.ts';

/** One unit of work that a trace shows. */
export interface Span {
  set(attributes: Readonly<Record<string, string | number | boolean>>): void;
  /** Ends the span; with an error when the work failed. */
  end(error?: unknown): void;
}

/** Names of the spans that the engine makes. */
export type SpanName =
  | 'tidemark.write'
  | 'tidemark.load'
  | 'tidemark.publish'
  | 'tidemark.relay'
  | 'tidemark.apply'
  | 'tidemark.resync';

/**
 * How the engine tells what it does, without depending on a telemetry library.
 * `@tidemark/otel` implements it; the default does nothing and costs nothing.
 */
export interface Telemetry {
  /** Runs `work` inside a new span, a child of the current one, or of the sender in `carrier`. */
  trace<T>(
    name: SpanName,
    attributes: Readonly<Record<string, string | number | boolean>>,
    carrier: Readonly<Record<string, string>> | undefined,
    work: (span: Span) => Promise<T>,
  ): Promise<T>;
  /** Headers that carry the current trace to another process; undefined when there is none. */
  inject(): Record<string, string> | undefined;
  /** Counts and durations. Called on hot paths only when it differs from the default. */
  record(event: EngineEvent): void;
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
  | { readonly type: 'fill'; readonly keyspace: string; readonly verdict: FillVerdict | 'moved' }
  | { readonly type: 'lease-wait'; readonly keyspace: string; readonly ms: number }
  | { readonly type: 'write'; readonly ms: number; readonly keys: number; readonly ok: boolean }
  | { readonly type: 'publish'; readonly events: number; readonly ok: boolean }
  | { readonly type: 'apply'; readonly from: string; readonly events: number }
  | { readonly type: 'propagation'; readonly from: string; readonly ms: number }
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
  /** A circuit opened (again), or closed: of the store's partition, or of a keyspace's loads. */
  | {
      readonly type: 'breaker';
      readonly of: 'store' | 'source';
      readonly name: string;
      readonly open: boolean;
    }
  | { readonly type: 'role'; readonly role: 'relay' | 'applier'; readonly leading: boolean };

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
  trace: (_name, _attributes, _carrier, work) => work(NO_SPAN),
  inject: () => undefined,
  record: () => {},
};
