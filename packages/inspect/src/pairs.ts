import type { Follower } from '@tidemark/nats';
import type { PairView } from './mesh-view.ts';

/** A region's stream as its followers show it. */
export interface FollowedStream {
  readonly region: string;
  /** Why it can't be asked; null when it can. */
  readonly away: string | null;
  /** Null: there is no stream, or this login may not see who follows it. */
  readonly followers: readonly Follower[] | null;
  readonly hasStream: boolean;
  /** Age of the first message that a follower was not given, by the follower's region. */
  readonly ages: ReadonlyMap<string, number>;
}

/** Every ordered pair of regions. */
export function pairsOf(
  streams: readonly FollowedStream[],
  roundTripMs: (a: string, b: string) => number,
): readonly PairView[] {
  const ids = streams.map(({ region }) => region);
  return streams.flatMap((stream) =>
    ids.map((to) => ({ ...pairOf(stream, to), roundTripMs: roundTripMs(stream.region, to) })),
  );
}

function pairOf(
  { region: from, away, followers, hasStream, ages }: FollowedStream,
  to: string,
): Omit<PairView, 'roundTripMs'> {
  const unknown = { from, to, following: null, messages: null, behindMs: null };
  if (away !== null) return { ...unknown, reason: away };
  // A region that has not written yet has no stream, and nothing that could be missed.
  if (!hasStream) return { ...unknown, reason: `${from} has no stream yet` };
  if (!followers) return { ...unknown, reason: `this login may not list the consumers of ${from}'s stream` };
  const follower = followers.find(({ region }) => region === to);
  if (!follower?.live) {
    const messages = follower?.pending ?? null;
    return {
      from,
      to,
      following: false,
      messages,
      behindMs: ages.get(to) ?? null,
      reason: `no applier of ${to} follows it`,
    };
  }
  return { from, to, following: true, messages: follower.pending, behindMs: ages.get(to) ?? 0, reason: null };
}
