import type { MeshView, RegionView, Trouble } from './mesh-view.ts';

/** A bound above this is no proof that anybody waits for: the region is cut off from the relay. */
const BOUND_MAX_MS = 10_000;

/** What needs somebody, worst first. */
export function troublesOf({ truth, relay, regions, pairs }: Omit<MeshView, 'troubles'>): readonly Trouble[] {
  const found: Trouble[] = [];
  if (!truth.reachable)
    found.push({ region: null, code: 'unreachable', text: `the source: ${truth.reason}` });
  for (const view of regions) found.push(...troublesIn(view));
  const buses = regions.filter(({ nats }) => nats.reachable).length;
  if (!relay && buses > 0) {
    found.push({
      region: null,
      code: 'no-relay',
      text: 'no relay has published to any reachable stream in the last 10 s',
    });
  }
  for (const { from, to, following, reason } of pairs) {
    if (following === false)
      found.push({ region: to, code: 'not-followed', text: `stream of ${from}: ${reason}` });
  }
  return found;
}

function troublesIn({ region, redis, nats, postgres, freshness, deadLetters }: RegionView): Trouble[] {
  const found: Trouble[] = [];
  for (const [name, server] of Object.entries({ Redis: redis, NATS: nats, Postgres: postgres })) {
    if (!server.reachable)
      found.push({
        region,
        code: 'unreachable',
        text: server.reason.startsWith(name) ? server.reason : `${name}: ${server.reason}`,
      });
  }
  if (redis.reachable && !redis.meta)
    found.push({
      region,
      code: 'empty-store',
      text: 'its Redis is new or was emptied, and no applier has set it up',
    });
  if (redis.reachable && !redis.applier)
    found.push({
      region,
      code: 'no-applier',
      text: 'nobody applies changes here; run a service or tidemark agent',
    });
  if (nats.reachable && (freshness.boundMs ?? Number.POSITIVE_INFINITY) > BOUND_MAX_MS) {
    const why = freshness.reason ?? `proven only up to ${Math.round(freshness.boundMs! / 1_000)} s ago`;
    found.push({ region, code: 'unproven', text: why });
  }
  if (deadLetters !== null && deadLetters > 0)
    found.push({
      region,
      code: 'dead-letters',
      text: `${deadLetters} changes can't be applied; see tidemark dead-letters show`,
    });
  return found;
}
