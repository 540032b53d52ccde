import type { MeshView, PairView, RegionView } from '@tidemark/inspect';
import type { Health, LinkNow } from './api.ts';

/** A bound above this proves nothing that anybody waits for; as `readMesh` has it. */
export const BOUND_MAX_MS = 10_000;
/** Messages that wait for longer than this make a path late. */
const BEHIND_MAX_MS = 5_000;

/** How a region is, and why not good. `boundMs` is as of now: the look at its servers may be seconds old. */
export function healthOf(
  { redis, nats, freshness }: RegionView,
  boundMs: number | null,
): { readonly health: Health; readonly why: string | null } {
  if (!nats.reachable) return { health: 'cut', why: nats.reason };
  if (!redis.reachable) return { health: 'cut', why: redis.reason };
  if (boundMs === null) return { health: 'late', why: freshness.reason ?? 'nothing is proven yet' };
  if (boundMs > BOUND_MAX_MS)
    return { health: 'late', why: `proven only up to ${Math.round(boundMs / 1_000)} s ago` };
  return { health: 'good', why: null };
}

/** Every unordered pair of regions. */
export function linksOf({ pairs }: Pick<MeshView, 'pairs'>, health: ReadonlyMap<string, Health>): LinkNow[] {
  const links = new Map<string, PairView[]>();
  for (const pair of pairs) {
    if (pair.from === pair.to) continue;
    const name = [pair.from, pair.to].toSorted().join(' ');
    links.set(name, [...(links.get(name) ?? []), pair]);
  }
  return [...links].map(([name, ways]) => {
    const [a, b] = name.split(' ') as [string, string];
    return {
      a,
      b,
      health: linkHealth(ways, [health.get(a) ?? 'late', health.get(b) ?? 'late']),
      roundTripMs: ways[0]!.roundTripMs,
      ways: ways.map(({ from, to, following, messages, behindMs, reason }) => ({
        from,
        to,
        following,
        messages,
        behindMs,
        reason,
      })),
    };
  });
}

function linkHealth(ways: readonly PairView[], ends: readonly Health[]): Health {
  if (ends.includes('cut') || ways.some(({ following }) => following === false)) return 'cut';
  if (ends.includes('late') || ways.some(({ behindMs }) => (behindMs ?? 0) > BEHIND_MAX_MS)) return 'late';
  return 'good';
}
