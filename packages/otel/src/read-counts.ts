import type { Attributes, Meter } from '@opentelemetry/api';
import type { EngineEvent } from '@tidemark/core';

type Read = Extract<EngineEvent, { type: 'read' }>;

interface Count {
  readonly attributes: Attributes;
  reads: number;
}

const STALE = new Set<Read['why']>(['stale', 'stale-if-error']);

/**
 * Counts reads here and shows the sums when metrics are collected: an instrument that is called for each read would
 * cost an L1 hit more than the hit itself.
 */
export function readCounts(meter: Meter, identity: Attributes): (event: Read) => void {
  const byKeyspace = new Map<string, Map<string, Count>>();
  const reads = meter.createObservableCounter('tidemark.reads', {
    description: 'Reads by the tier that answered, and why no nearer one could',
  });
  const stale = meter.createObservableCounter('tidemark.stale_serves', {
    description: 'Values that were served past their TTL, by reason',
  });
  const collect: Parameters<Meter['addBatchObservableCallback']>[0] = (result) => {
    for (const counts of byKeyspace.values()) {
      for (const count of counts.values()) result.observe(reads, count.reads, count.attributes);
      for (const why of STALE) {
        const of = [...counts.values()].filter(({ attributes }) => attributes['tidemark.reason'] === why);
        if (of.length === 0) continue;
        const { 'tidemark.tier': _tier, ...attributes } = of[0]!.attributes;
        result.observe(
          stale,
          of.reduce((sum, each) => sum + each.reads, 0),
          attributes,
        );
      }
    }
  };
  meter.addBatchObservableCallback(collect, [reads, stale]);

  const countOf = ({ keyspace, tier, why }: Read, counts: Map<string, Count>): Count => {
    const count = {
      attributes: {
        ...identity,
        'tidemark.keyspace': keyspace,
        'tidemark.tier': tier,
        'tidemark.reason': why,
      },
      reads: 0,
    };
    counts.set(tier + why, count);
    return count;
  };
  // Hits of L1 come most, one like the other.
  let lastKeyspace = '';
  let lastHits: Count | null = null;
  return (event) => {
    if (event.tier === 'l1' && event.why === 'fresh' && lastHits && event.keyspace === lastKeyspace) {
      lastHits.reads += 1;
      return;
    }
    let counts = byKeyspace.get(event.keyspace);
    if (!counts) byKeyspace.set(event.keyspace, (counts = new Map()));
    const count = counts.get(event.tier + event.why) ?? countOf(event, counts);
    count.reads += 1;
    if (event.tier !== 'l1' || event.why !== 'fresh') return;
    lastKeyspace = event.keyspace;
    lastHits = count;
  };
}
