import type { NodeAnswer, Version } from '@tidemark/core';
import type { KeyTimeline } from '@tidemark/inspect';

/** Moments of a finding; the earlier ones are left out. */
const MOMENTS_MAX = 200;

/** Something that happened to a key somewhere. */
export interface Moment {
  /** Wall clock of whoever noted it, or put on this machine's clock from an age; ms since 1970. For people. */
  readonly atMs: number;
  /** Null: the source. */
  readonly region: string | null;
  /** A node that saw it; left out for stores, streams and the source. */
  readonly node?: string;
  /** As in `TimelineEvent` of @tidemark/inspect, or in `KeyMoment` of @tidemark/core. */
  readonly type: string;
  readonly version: Version | null;
  readonly outcome?: string;
}

/** What streams, stores, the source and the nodes know of a key, oldest first. */
export function mergeTimeline(
  timeline: KeyTimeline | null,
  answers: readonly NodeAnswer[],
  key: string,
  nowMs: number,
): readonly Moment[] {
  const told = (timeline?.events ?? []).map(({ atMs, region, type, version }): Moment => ({
    atMs,
    region,
    type,
    version,
  }));
  const seen = answers.flatMap(({ region, node, moments }) =>
    moments
      .filter((each) => each.key === key)
      .map(({ type, version, ageMs, outcome }): Moment => ({
        atMs: nowMs - ageMs,
        region,
        node,
        type,
        version,
        ...(outcome !== undefined && { outcome }),
      })),
  );
  return [...told, ...seen].toSorted((a, b) => a.atMs - b.atMs).slice(-MOMENTS_MAX);
}
