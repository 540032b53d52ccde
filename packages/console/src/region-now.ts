import { formatPosition } from '@tidemark/core';
import type { MeshRegion, RegionView } from '@tidemark/inspect';
import type { RegionNow, ServerNow } from './api.ts';
import { healthOf } from './health.ts';

/** A region as the last look at its servers found it, and as it is proven now. */
export function regionNow(view: RegionView, { region }: MeshRegion, boundMs: number | null): RegionNow {
  const { redis, nats, postgres, backlog, deadLetters } = view;
  const meta = redis.reachable ? redis.meta : null;
  return {
    region: view.region,
    role: view.role,
    location: region.location ?? null,
    ...healthOf(view, boundMs),
    boundMs,
    servers: {
      redis: redis.reachable ? reached(redis.address, redis.server.roundTripMs) : away(redis),
      nats: nats.reachable ? reached(nats.address, nats.server.roundTripMs) : away(nats),
      postgres: postgres.reachable ? reached(postgres.address, postgres.roundTripMs) : away(postgres),
    },
    usedBytes: redis.reachable ? redis.server.usedBytes : null,
    horizon: meta && formatPosition(meta.horizon),
    backlog,
    deadLetters,
    applier: redis.reachable && redis.applier ? redis.applier.holder : null,
  };
}

function reached(address: string, roundTripMs: number): ServerNow {
  return { reachable: true, address, roundTripMs, reason: null };
}

function away({ reason }: { readonly reason: string }): ServerNow {
  return { reachable: false, address: null, roundTripMs: null, reason };
}
