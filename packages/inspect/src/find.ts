import type { MeshFacts } from './facts.ts';
import { findInRedis } from './find-in-redis.ts';
import { findInNats } from './find-in-nats.ts';
import { findInSource } from './find-in-source.ts';
import type { Finding, Severity } from './finding.ts';
import type { Trouble } from './mesh-view.ts';

const ORDER: Readonly<Record<Severity, number>> = { error: 0, warning: 1, note: 2 };

/** What is wrong with a mesh, worst first. */
export function findingsOf(facts: MeshFacts): readonly Finding[] {
  const found = [
    ...facts.view.troubles
      .filter(({ region, code }) => !(region === null && code === 'unreachable'))
      .map(findingOf),
    ...findInRedis(facts.view),
    ...findInNats(facts.view),
    ...findInSource(facts),
  ];
  return found.toSorted((a, b) => ORDER[a.severity] - ORDER[b.severity]);
}

const MENDS: Readonly<Record<Trouble['code'], string>> = {
  unreachable: "check that the server runs, its address in the region's file, the network and the login",
  unproven: 'see tidemark status for what its applier can not reach; bounded reads ask the source until then',
  'no-applier': 'run a service of the region with the role applier, or tidemark agent --region',
  'no-relay':
    'run a service with the role relay, or tidemark agent; it must reach the source and its own NATS',
  'not-followed': 'see whether an applier runs in the region, and reaches the NATS of the other one',
  'dead-letters': 'see tidemark dead-letters show, mend the rows, then tidemark dead-letters replay',
  'empty-store': 'run an applier in the region: it sets the store up by itself',
};

/** A trouble, and how to mend it. */
export function findingOf({ region, code, text }: Trouble): Finding {
  return { code, severity: code === 'not-followed' ? 'warning' : 'error', region, text, mend: MENDS[code] };
}
