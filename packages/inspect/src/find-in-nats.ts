import { MESSAGE_LENGTH_MAX } from '@tidemark/core';
import type { Finding } from './finding.ts';
import type { BusView, MeshView, RegionView } from './mesh-view.ts';

/** Regions that are away for less than this should find all they missed. */
const KEEPS_LEAST_MS = 3_600_000;
const FULL = 0.9;

/** What is wrong with the regions' NATS. */
export function findInNats({ regions, pairs }: MeshView): readonly Finding[] {
  const forbidden = new Set(
    pairs
      .filter(({ following, reason }) => following === null && reason?.includes('may not list'))
      .map(({ from }) => from),
  );
  return regions.flatMap((each) => (each.nats.reachable ? findInOne(each, each.nats, forbidden) : []));
}

function findInOne(
  { region }: RegionView,
  { server, stream }: BusView,
  forbidden: ReadonlySet<string>,
): Finding[] {
  const found: Finding[] = [];
  const add = (code: string, severity: Finding['severity'], text: string, mend: string): void =>
    void found.push({ code, severity, region, text, mend });
  if (!server.jetStream) {
    add('nats-no-jetstream', 'error', 'its NATS has no JetStream', 'configure jetstream, as in deploy/nats');
    return found;
  }
  if (server.payloadMaxBytes < MESSAGE_LENGTH_MAX) {
    add(
      'nats-payload',
      'warning',
      `max_payload is ${server.payloadMaxBytes}, less than a message may have (${MESSAGE_LENGTH_MAX})`,
      'set max_payload: 2MB',
    );
  }
  if (!stream) {
    add(
      'nats-no-stream',
      'warning',
      'it has no stream: no process of the region has connected yet',
      'start a service or an agent there',
    );
    return found;
  }
  if (!stream.discardsOld) {
    add(
      'nats-discard',
      'error',
      'its stream refuses messages when it is full',
      'set discard: old, or delete the stream: it is made anew, and every region resyncs',
    );
  }
  const { maxAgeMs, maxBytes, bytes, firstAtMs, lastAtMs } = stream;
  const spanMs = firstAtMs !== null && lastAtMs !== null ? lastAtMs - firstAtMs : 0;
  const isFull = maxBytes > 0 && bytes / maxBytes > FULL;
  if ((maxAgeMs > 0 && maxAgeMs < KEEPS_LEAST_MS) || (isFull && spanMs < KEEPS_LEAST_MS)) {
    const keeps = isFull ? spanMs : maxAgeMs;
    add(
      'nats-short',
      'warning',
      `its stream keeps ${Math.round(keeps / 60_000)} minutes; a region that was away for longer resyncs from the source`,
      'raise max_age and max_bytes of the stream',
    );
  }
  if (forbidden.has(region)) {
    add(
      'nats-forbidden',
      'note',
      'this login may not list the consumers of its stream: who follows it is unknown',
      'allow $JS.API.CONSUMER.LIST for it, as in deploy/nats/production-example.conf',
    );
  }
  return found;
}
