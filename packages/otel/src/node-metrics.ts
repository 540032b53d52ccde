import type { Attributes, Meter } from '@opentelemetry/api';
import type { NodeGauges } from '@tidemark/core';

/** A bound that nothing proves is as if it were this old, s: a gauge has no word for infinity that every backend takes. */
const UNPROVEN_S = 1e9;

/** Looks at a node whenever metrics are collected, until the returned call. */
export function nodeMetrics(meter: Meter, identity: Attributes, gauges: () => NodeGauges): () => void {
  const bound = meter.createObservableGauge('tidemark.staleness_bound', {
    description: 'Every write acknowledged longer ago than this is proven to be applied at the node',
    unit: 's',
  });
  const entries = meter.createObservableGauge('tidemark.l1.entries', { description: 'Entries of L1' });
  const bytes = meter.createObservableGauge('tidemark.l1.size', {
    description: 'Bytes of L1, as estimated',
    unit: 'By',
  });
  const evictions = meter.createObservableCounter('tidemark.l1.evictions', {
    description: 'Entries that L1 gave up for want of room',
  });
  const waiting = meter.createObservableGauge('tidemark.load.waiting', {
    description: 'Loads that wait for their turn at the source',
  });
  const instruments = [bound, entries, bytes, evictions, waiting];
  const observe: Parameters<Meter['addBatchObservableCallback']>[0] = (result) => {
    const { stalenessBoundMs, l1Entries, l1Bytes, l1Evictions, loadsWaiting } = gauges();
    result.observe(bound, Math.min(UNPROVEN_S, stalenessBoundMs / 1_000), identity);
    result.observe(entries, l1Entries, identity);
    result.observe(bytes, l1Bytes, identity);
    result.observe(evictions, l1Evictions, identity);
    result.observe(waiting, loadsWaiting, identity);
  };
  meter.addBatchObservableCallback(observe, instruments);
  return () => meter.removeBatchObservableCallback(observe, instruments);
}
