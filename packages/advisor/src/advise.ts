import { type Advice, type Alternative, type Choice, CHOICES, type Proposal } from './advice.ts';
import { assumptionsOf } from './assumptions.ts';
import { latencyOf, savingsOf } from './costs.ts';
import { dependencyRate } from './model/predict.ts';
import { type ConsistencyProposal, proposeConsistency } from './propose/consistency.ts';
import { type Candidate, invalidated, ttlOnly } from './propose/plans.ts';
import { TTL_STEPS_S } from './propose/steps.ts';
import { changeDataCapture } from './rules/change-data-capture.ts';
import { noCache } from './rules/no-cache.ts';
import { refreshFits } from './rules/refresh.ts';
import { type Facts, type Verdict, invalidatingWrites } from './rules/rule.ts';
import { ttlOnlyFits } from './rules/ttl-only.ts';
import { writeThrough } from './rules/write-through.ts';
import { snippetOf } from './snippet.ts';
import { counted, percent, perSecond, spanText } from './words.ts';
import type { Workload } from './workload.ts';

/** Of the five choices the first that fits, in the order of `CHOICES`, with what it brings and why the others don't. */
export function advise(work: Workload): Advice {
  const facts = factsOf(work);
  const verdicts: Readonly<Record<Choice, Verdict>> = {
    'no-cache': noCache(facts),
    'ttl-only': ttlOnlyFits(facts),
    'change-data-capture': changeDataCapture(facts),
    'write-through': writeThrough(facts),
    'cache-aside': { fits: true, why: cacheAsideWhy(facts) },
  };
  const choice = CHOICES.find((each) => verdicts[each].fits)!;
  const candidate = candidateOf(choice, facts);
  const consistency = choice === 'ttl-only' ? ttlIsTheBound(candidate) : facts.consistency;
  const proposal: Proposal | null =
    choice === 'no-cache' ? null : { ...candidate.plan, consistency, l1: candidate.l1 };
  return {
    workload: work,
    choice,
    reasons: [verdicts[choice].why, ...moreReasons(facts, choice, consistency)],
    proposal,
    prediction: candidate.prediction,
    latency: latencyOf(work, candidate.prediction, consistency),
    savings: proposal && savingsOf(work, candidate.prediction),
    alternatives: CHOICES.filter((each) => each !== choice).map((each) => alternative(each, verdicts, facts)),
    assumptions: assumptionsOf(work),
    snippet: proposal && snippetOf(work, choice, proposal),
  };
}

function factsOf(work: Workload): Facts {
  // What nobody writes may be kept for as long as it is of use to anybody.
  const toleratedS = invalidatingWrites(work) === 0 ? TTL_STEPS_S.at(-1)! : (work.staleness ?? 0) / 1_000;
  return {
    work,
    consistency: proposeConsistency(work),
    aside: invalidated(work, 'invalidate'),
    through: invalidated(work, 'update'),
    refreshed: invalidated(work, 'refresh'),
    ttlOnly: toleratedS > 0 ? ttlOnly(work, toleratedS) : null,
  };
}

/** What is predicted for a choice; of no cache, what the plainest one would bring. */
function candidateOf(choice: Choice, facts: Facts): Candidate {
  switch (choice) {
    case 'ttl-only':
      return facts.ttlOnly ?? facts.aside;
    case 'write-through':
      return facts.through;
    case 'cache-aside':
      return refreshFits(facts).fits ? facts.refreshed : facts.aside;
    case 'change-data-capture':
    case 'no-cache':
      return facts.aside;
  }
}

/** Nothing proves anything where nobody tells of writes. */
function ttlIsTheBound({ plan }: Candidate): ConsistencyProposal {
  return {
    level: 'eventual',
    why: `a value is at most its TTL old, ${spanText(plan.ttlS)}, and no read asks for more`,
  };
}

function alternative(choice: Choice, verdicts: Readonly<Record<Choice, Verdict>>, facts: Facts): Alternative {
  const isPredicted = choice !== 'no-cache' && (choice !== 'ttl-only' || facts.ttlOnly !== null);
  const { misses, loads } = candidateOf(choice, facts).prediction;
  const { fits, why } = verdicts[choice];
  return {
    choice,
    why: fits ? `would do: ${why}` : why,
    misses: isPredicted ? misses : null,
    loads: isPredicted ? loads : choice === 'no-cache' ? facts.work.reads : null,
  };
}

function cacheAsideWhy(facts: Facts): string {
  const { work } = facts;
  const { plan, prediction } = candidateOf('cache-aside', facts);
  const { misses, loads } = prediction;
  const perWrite =
    invalidatingWrites(work) === 0
      ? ''
      : `, ${counted(work.reads / invalidatingWrites(work))} reads for each write`;
  return `loads fall from ${perSecond(work.reads)} to ${perSecond(loads)}${perWrite}; ${percent(misses)} of the reads wait for one${plan.onWrite === 'refresh' ? ", as nodes reload what they lose (onWrite 'refresh')" : ''}`;
}

/** What has to be said besides. */
function moreReasons(facts: Facts, choice: Choice, { level, why: promise }: ConsistencyProposal): string[] {
  const { work } = facts;
  const reasons: string[] = [];
  if (work.dependencies > 0 && choice !== 'ttl-only') {
    const all = dependencyRate(work) * work.keys;
    reasons.push(
      `each value is made from ${work.dependencies} other keys: they make values stale ${counted(all)} times a second, own writes ${counted(work.writes)} times`,
    );
  }
  if (choice === 'cache-aside') {
    const { fits, why } = refreshFits(facts);
    if (fits) reasons.push(`onWrite 'refresh' is worth it: ${why}`);
  }
  if (choice === 'change-data-capture')
    reasons.push(
      'have what follows the log bump the keys (tidemark.bump): bounds are proven from the bump on, not from the write',
    );
  if (choice !== 'no-cache') reasons.push(`consistency ${level}: ${promise}`);
  return reasons;
}
