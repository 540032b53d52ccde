import {
  type BusMessage,
  decodeMessage,
  formatPosition,
  type Invalidation,
  SENT_AT_HEADER,
  type StreamMessage,
  type Version,
} from '@tidemark/core';
import { traceOf } from './key-timeline.ts';
import type { Mesh } from './mesh.ts';

/** Something that went over a region's stream. Plain data. */
export type MeshEvent =
  | {
      /**
       * `bump`: a writer invalidated a key. `change`: the relay says so, from the changelog. `update`: a writer sent the
       * value along.
       */
      readonly type: 'bump' | 'change' | 'update';
      readonly region: string;
      /** Wall clock of the sender, ms since 1970; of this machine when it did not say. */
      readonly atMs: number;
      readonly key: string;
      readonly version: Version;
      /** Bytes of the value that was sent along; null for an absence. */
      readonly bytes?: number | null;
      readonly trace?: { readonly traceId: string; readonly spanId: string };
    }
  | {
      /** The relay: all committed up to `to` is on this stream before it. */
      readonly type: 'barrier';
      readonly region: string;
      readonly atMs: number;
      readonly from: string;
      readonly to: string;
      readonly echoes: number;
    }
  /** What this watcher has seen of the region's stream has a hole, or the region is away; it goes on by itself. */
  | { readonly type: 'gap' | 'away'; readonly region: string; readonly atMs: number; readonly reason: string }
  | { readonly type: 'unreadable'; readonly region: string; readonly atMs: number; readonly reason: string };

export interface MeshWatch {
  stop(): Promise<void>;
}

/**
 * Follows the streams of all regions from now on, across reconnects. Resolves once those that can be reached are followed;
 * of the others `away` says why, and they are followed when they are back.
 */
export async function watchMesh(mesh: Mesh, onEvent: (event: MeshEvent) => void): Promise<MeshWatch> {
  const following = await Promise.all(
    mesh.regions.map(async ({ region: { id: region } }) => {
      await mesh.nats.server(region, mesh.answerMs).catch((error: Error) => {
        onEvent({ type: 'away', region, atMs: Date.now(), reason: error.message });
      });
      return mesh.nats.follow(
        region,
        {
          onMessage: (message) => {
            for (const event of eventsOf(region, message, Date.now())) onEvent(event);
          },
          onDiscontinuity: (reason) => onEvent({ type: 'gap', region, atMs: Date.now(), reason }),
        },
        mesh.answerMs,
      );
    }),
  );
  return {
    async stop() {
      await Promise.all(following.map((each) => each.stop()));
    },
  };
}

/** What a message says, one event for each key. */
export function eventsOf(region: string, { data, headers }: BusMessage, nowMs: number): readonly MeshEvent[] {
  const sentAtMs = Number(headers?.[SENT_AT_HEADER]);
  const at = { region, atMs: Number.isFinite(sentAtMs) ? sentAtMs : nowMs };
  const decoded = decodeMessage(data);
  if (!decoded.ok) return [{ type: 'unreadable', ...at, reason: decoded.why }];
  const said = decoded.message as StreamMessage;
  const trace = traceOf(headers);
  const about = ({ key, version }: Invalidation): { readonly key: string; readonly version: Version } => ({
    key,
    version: { era: version.era, n: version.n },
  });
  switch (said.kind) {
    case 'bump':
    case 'changes': {
      const type = said.kind === 'bump' ? 'bump' : 'change';
      return said.invalidations.map((each) => ({ type, ...at, ...about(each), ...(trace && { trace }) }));
    }
    case 'update':
      return said.values.map((each) => ({
        type: 'update',
        ...at,
        ...about(each),
        bytes: each.data === null ? null : Buffer.byteLength(each.data, 'base64'),
        ...(trace && { trace }),
      }));
    case 'barrier': {
      const { from, to, echoes } = said.barrier;
      return [
        { type: 'barrier', ...at, from: formatPosition(from), to: formatPosition(to), echoes: echoes.length },
      ];
    }
    default:
      return [{ type: 'unreadable', ...at, reason: 'a message that does not belong on a stream' }];
  }
}
