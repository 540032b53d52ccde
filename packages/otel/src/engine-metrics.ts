import type { Attributes, Meter } from '@opentelemetry/api';
import type { EngineEvent } from '@tidemark/core';
import { readCounts } from './read-counts.ts';
import { familyOf } from './reason-family.ts';

/** Seconds: from a Redis round trip to a hard timeout. */
const SHORT = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** Seconds: from a moment to a month. */
const LONG = [1, 5, 15, 30, 60, 300, 900, 3_600, 14_400, 43_200, 86_400, 604_800, 2_592_000];

/** Makes the instruments, and the function that feeds them. Labels are of low cardinality: never a key. */
export function engineMetrics(meter: Meter, identity: Attributes): (event: EngineEvent) => void {
  const counter = (name: string, description: string) =>
    meter.createCounter(`tidemark.${name}`, { description });
  const seconds = (name: string, description: string, explicitBucketBoundaries: number[] = SHORT) =>
    meter.createHistogram(`tidemark.${name}`, {
      description,
      unit: 's',
      advice: { explicitBucketBoundaries },
    });
  const gauge = (name: string, description: string, unit?: string) =>
    meter.createGauge(`tidemark.${name}`, { description, ...(unit !== undefined && { unit }) });

  const read = readCounts(meter, identity);
  const loads = seconds('load.duration', 'Loads from the source of truth');
  const fills = counter('fills', 'Fills by verdict');
  const ttls = seconds('fill.ttl', 'For how long a filled value is fresh', LONG);
  const ages = seconds('hit.age', 'How long ago a value was filled that L2 served', LONG);
  const leaseWaits = seconds('lease_wait.duration', 'Waits for the load of another process');
  const writes = seconds('write.duration', 'Writes, from begin to announced');
  const published = counter('published', 'Invalidations published on the fast path');
  const applied = counter('applied', 'Invalidations applied, by region of origin');
  const propagation = seconds(
    'propagation.duration',
    'From publish to apply, by wall clocks, by region of origin',
  );
  const gaps = counter('gaps', 'Gaps found in streams');
  const resyncs = seconds('resync.duration', 'Resyncs from the changelog');
  const resynced = counter('resync.changes', 'Changes brought by resyncs');
  const badMessages = counter('bad_messages', 'Messages that could not be decoded');
  const laterMessages = counter('later_messages', 'Messages of a later release, left aside');
  const deadLetters = gauge('dead_letters', 'Changes of the changelog that the region can not apply');
  const feedGaps = counter('feed.gaps', 'Times a node lost or newly took its place in the feed');
  const proofs = seconds('staleness_proof.bound', 'Proven staleness bound at each proof');
  const storeErrors = counter(
    'store.errors',
    'Store commands that failed, and values that could not be encoded or decoded',
  );
  const raisesSkipped = counter(
    'raises.skipped',
    'Invalidations that a writer left to the applier, since the circuit of the store was open',
  );
  const breakerTurns = counter(
    'breaker.turns',
    'Times a circuit opened, opened again after a probe, or closed',
  );
  const breakers = gauge('breaker.open', '1 while a circuit is open, 0 after');
  const roles = gauge('role', '1 while this process leads in the role');
  const warmed = gauge('warmup.keys', 'Keys of a warm-up by what became of them');
  const warmedBytes = gauge('warmup.copied', 'Bytes that a warm-up copied', 'By');
  const warmupSpeed = gauge('warmup.speed', 'Share of full speed that live traffic leaves a warm-up, 0 to 1');
  const coverage = gauge('warmup.coverage', 'Share of the keys that have a fresh value, 0 to 1');
  const checks = counter('verifier.checks', 'Checks of a verifier by region, tier and age; those that asked');
  const inconsistent = counter('verifier.inconsistent', 'Checks that found something older served');
  const unchecked = counter('verifier.unchecked', 'Checks that could not be made, by outcome');
  const findings = counter('verifier.findings', 'What a verifier found and confirmed, by kind');
  const hitRate = gauge('warmup.hit_rate', 'Share of the known reads that would be hits, 0 to 1');

  // Goes on growing at a former applier: SDKs repeat the last value of what is observed no more, which would look
  // young. A region's horizon is the youngest one.
  let horizonAtMs: number | null = null;
  meter
    .createObservableGauge('tidemark.horizon.age', {
      description: "Age of the region's horizon as this process moved it last; the youngest one counts",
      unit: 's',
    })
    .addCallback((result) => {
      if (horizonAtMs !== null) result.observe(Math.max(0, Date.now() - horizonAtMs) / 1_000, identity);
    });

  // A counter that has not counted yet is no series, and no alert can tell it from one that is not collected.
  for (const quiet of [
    gaps,
    badMessages,
    laterMessages,
    feedGaps,
    storeErrors,
    raisesSkipped,
    breakerTurns,
    resynced,
  ])
    quiet.add(0, identity);

  const of = (attributes: Attributes): Attributes => ({ ...identity, ...attributes });
  return (event) => {
    switch (event.type) {
      case 'read':
        return read(event);
      case 'age':
        return ages.record(event.ms / 1_000, of({ 'tidemark.keyspace': event.keyspace }));
      case 'load':
        return loads.record(
          event.ms / 1_000,
          of({ 'tidemark.keyspace': event.keyspace, 'tidemark.ok': event.ok }),
        );
      case 'fill':
        if (event.verdict === 'admitted')
          ttls.record(event.freshMs / 1_000, of({ 'tidemark.keyspace': event.keyspace }));
        return fills.add(1, of({ 'tidemark.keyspace': event.keyspace, 'tidemark.verdict': event.verdict }));
      case 'lease-wait':
        return leaseWaits.record(event.ms / 1_000, of({ 'tidemark.keyspace': event.keyspace }));
      case 'write':
        return writes.record(event.ms / 1_000, of({ 'tidemark.ok': event.ok }));
      case 'publish':
        return published.add(event.events, of({ 'tidemark.ok': event.ok }));
      case 'apply':
        return applied.add(event.events, of({ 'tidemark.from': event.from }));
      case 'propagation':
        // Clocks of two machines may disagree; a histogram has no place for less than nothing.
        return propagation.record(Math.max(0, event.ms) / 1_000, of({ 'tidemark.from': event.from }));
      case 'horizon':
        horizonAtMs = event.atMs;
        return undefined;
      case 'gap':
        return gaps.add(1, of({ 'tidemark.from': event.from, 'tidemark.reason': familyOf(event.reason) }));
      case 'resync':
        resynced.add(event.changes, identity);
        return resyncs.record(event.ms / 1_000, of({ 'tidemark.ok': event.ok }));
      case 'bad-message':
        // The reason quotes the message: a hostile sender must not choose our labels.
        return badMessages.add(1, of({ 'tidemark.from': event.from }));
      case 'later-message':
        return laterMessages.add(1, of({ 'tidemark.from': event.from }));
      case 'dead-letters':
        return deadLetters.record(event.open, identity);
      case 'feed-gap':
        return feedGaps.add(1, of({ 'tidemark.reason': event.reason }));
      case 'staleness-bound':
        return proofs.record(event.ms / 1_000, of({ 'tidemark.scope': event.scope }));
      case 'store-error':
        return storeErrors.add(1, of({ 'tidemark.operation': event.operation }));
      case 'raise-skipped':
        return raisesSkipped.add(event.events, identity);
      case 'breaker': {
        const circuit = of({ 'tidemark.breaker.of': event.of, 'tidemark.breaker.name': event.name });
        breakers.record(event.open ? 1 : 0, circuit);
        return breakerTurns.add(1, { ...circuit, 'tidemark.open': event.open });
      }
      case 'role':
        // Who takes over says what it finds; until then nothing is known to be wrong, and the series exists.
        if (event.role === 'applier') deadLetters.record(0, identity);
        return roles.record(event.leading ? 1 : 0, of({ 'tidemark.role': event.role }));
      case 'verified': {
        const at = of({
          'tidemark.checked_region': event.region,
          'tidemark.tier': event.tier,
          'tidemark.age': event.ageMs / 1_000,
        });
        if (event.outcome === 'notAsked' || event.outcome === 'late')
          return unchecked.add(event.times, { ...at, 'tidemark.outcome': event.outcome });
        inconsistent.add(event.outcome === 'inconsistent' ? event.times : 0, at);
        return checks.add(event.times, at);
      }
      case 'finding':
        return findings.add(
          event.times,
          of({
            'tidemark.checked_region': event.region,
            'tidemark.tier': event.tier,
            'tidemark.kind': event.kind,
          }),
        );
      case 'warmup':
        for (const outcome of ['filled', 'refused'] as const)
          warmed.record(event[outcome], of({ 'tidemark.outcome': outcome }));
        warmedBytes.record(event.bytes, identity);
        warmupSpeed.record(event.speed, identity);
        if (event.hitRate !== null) hitRate.record(event.hitRate, identity);
        return coverage.record(event.coverage, identity);
    }
  };
}
