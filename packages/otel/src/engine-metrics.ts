import type { Meter } from '@opentelemetry/api';
import type { EngineEvent } from '@tidemark/core';

type Attributes = Readonly<Record<string, string>>;

/** Makes the instruments, and the function that feeds them. */
export function engineMetrics(meter: Meter, identity: Attributes): (event: EngineEvent) => void {
  const counter = (name: string, description: string) =>
    meter.createCounter(`tidemark.${name}`, { description });
  const duration = (name: string, description: string) =>
    meter.createHistogram(`tidemark.${name}`, { description, unit: 'ms' });

  const reads = counter('reads', 'Reads by the tier that answered, and why no nearer one could');
  const loads = duration('load.duration', 'Loads from the source of truth');
  const fills = counter('fills', 'Fills by verdict');
  const leaseWaits = duration('lease.wait', 'Waits for the load of another process');
  const writes = duration('write.duration', 'Writes, from begin to announced');
  const published = counter('published', 'Invalidations published on the fast path');
  const applied = counter('applied', 'Invalidations applied, by region of origin');
  const propagation = duration('propagation', 'From publish to apply, by wall clocks, by region of origin');
  const gaps = counter('gaps', 'Gaps found in streams');
  const resyncs = duration('resync.duration', 'Resyncs from the changelog');
  const resynced = counter('resync.changes', 'Changes brought by resyncs');
  const badMessages = counter('bad_messages', 'Messages that could not be decoded');
  const laterMessages = counter('later_messages', 'Messages of a later release, left aside');
  const deadLetters = meter.createGauge('tidemark.dead_letters', {
    description: 'Changes of the changelog that the region can not apply',
  });
  const feedGaps = counter('feed.gaps', 'Times a node lost or newly took its place in the feed');
  const bounds = duration('staleness_bound', 'Proven staleness bound at each proof');
  const storeErrors = counter(
    'store.errors',
    'Store commands that failed, and values that could not be encoded or decoded',
  );
  const breakers = counter('breaker.turns', 'Times a circuit opened, opened again after a probe, or closed');
  const roles = meter.createUpDownCounter('tidemark.role', { description: 'Roles this process leads' });
  const leading = new Set<string>();

  return (event) => {
    switch (event.type) {
      case 'read':
        return reads.add(1, { ...identity, keyspace: event.keyspace, tier: event.tier, why: event.why });
      case 'load':
        return loads.record(event.ms, { ...identity, keyspace: event.keyspace, ok: event.ok });
      case 'fill':
        return fills.add(1, { ...identity, keyspace: event.keyspace, verdict: event.verdict });
      case 'lease-wait':
        return leaseWaits.record(event.ms, { ...identity, keyspace: event.keyspace });
      case 'write':
        return writes.record(event.ms, { ...identity, ok: event.ok });
      case 'publish':
        return published.add(event.events, { ...identity, ok: event.ok });
      case 'apply':
        return applied.add(event.events, { ...identity, from: event.from });
      case 'propagation':
        return propagation.record(event.ms, { ...identity, from: event.from });
      case 'gap':
        return gaps.add(1, { ...identity, from: event.from, reason: event.reason });
      case 'resync':
        resynced.add(event.changes, identity);
        return resyncs.record(event.ms, { ...identity, ok: event.ok });
      case 'bad-message':
        // The reason quotes the message: a hostile sender must not choose our labels.
        return badMessages.add(1, { ...identity, from: event.from });
      case 'later-message':
        return laterMessages.add(1, { ...identity, from: event.from });
      case 'dead-letters':
        return deadLetters.record(event.open, identity);
      case 'feed-gap':
        return feedGaps.add(1, { ...identity, reason: event.reason });
      case 'staleness-bound':
        return bounds.record(event.ms, { ...identity, scope: event.scope });
      case 'store-error':
        return storeErrors.add(1, { ...identity, operation: event.operation });
      case 'breaker':
        return breakers.add(1, { ...identity, of: event.of, name: event.name, open: event.open });
      case 'role':
        if (event.leading === leading.has(event.role)) return undefined;
        leading[event.leading ? 'add' : 'delete'](event.role);
        return roles.add(event.leading ? 1 : -1, { ...identity, role: event.role });
    }
  };
}
