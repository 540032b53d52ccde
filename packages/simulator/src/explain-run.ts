import { explain, toHistory } from '@tidemark/checkers';
import type { Plan } from './plan/plan.ts';
import { type RunResult, traceOf } from './run/run.ts';
import { headlineOf, verdictOf } from './run/verdict.ts';

/** What a schedule was, and what it showed, in words. */
export function explainRun(result: RunResult): string {
  const { plan, violations, history, stuck } = result;
  const lines = [
    `seed ${plan.seed}: ${verdictOf(result)}; ${headlineOf(result)}`,
    ...describePlan(plan),
    `${result.events} events in ${(result.virtualMs / 1_000).toFixed(3)} virtual seconds, trace ${traceOf(result)}`,
    '',
  ];
  if (violations.length > 0) lines.push(explain(violations, toHistory(history)));
  if (stuck !== null) lines.push(`It never came to rest: ${stuck}.`);
  return `${lines.join('\n')}\n`;
}

/** The drawn options, those that are not as usual first to be seen. */
export function describePlan({
  profile,
  nodes,
  rows,
  releases,
  endMs,
  knobs,
  operations,
  faults,
}: Plan): string[] {
  const { network, delivery } = knobs;
  return [
    `plan       ${profile}: ${nodes.length} regions of ${nodes.join(', ')} nodes, ${rows} rows, ${operations.length} operations in ${endMs} ms`,
    `faults     ${faults.map(({ kind, atMs, forMs, target }) => `${kind} at ${atMs} ms for ${forMs} ms (${target})`).join('; ') || 'none'}`,
    `network    lan ${network.lanMs.join('-')} ms, wan ${network.wanMs.join('-')} ms, loss ${network.loss}, late ${network.tail} by ${network.tailMs} ms, repeated ${network.repeat}`,
    `streams    twice ${delivery.twice}, overtaking ${delivery.overtakes}, dropped ${delivery.dropped}, ${knobs.messagesMax} messages kept`,
    `store      ${knobs.partitions} partitions, ${knobs.store.entriesMax} entries, tombstones for ${knobs.store.tombstoneTtlMs} ms`,
    `rows       ttl ${knobs.rows.ttlMs} ms, stale ${knobs.rows.staleMs} ms, on write ${knobs.rows.onWrite}, copies ${knobs.rows.copyOnWrite}, releases ${releases.join(', ')}`,
    `source     replicas behind by ${knobs.replicaLagsMs.join(', ') || 'none'}, slow loads ${knobs.slowLoad} by ${knobs.slowLoadMs} ms`,
    `node       calls time out after ${knobs.callTimeoutMs} ms, loads after ${knobs.loadTimeoutMs} ms, pings every ${knobs.pingIntervalMs} ms, ${knobs.l1EntriesMax} L1 entries, sessions ${knobs.sessions ? 'on' : 'off'}`,
  ];
}
