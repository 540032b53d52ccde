import { resetsByRegion, type Resets } from './fresh-hits.ts';
import { groupBy } from './groups.ts';
import type { History, LeaseEndLine, LeaseLine } from './history.ts';
import { countUpTo } from './ranks.ts';
import { rounded } from './timeline.ts';
import type { Violation } from './violation.ts';

/**
 * I9: never two live leases of one key in a region, and no two loads under one lease; a replica that was asked
 * first does not count. A lease ends when a line says so, at its time, or when its region's store lost something.
 */
export function checkLeases({ leases, leaseEnds, loads, faults }: History): Violation[] {
  const resets = leases.length === 0 ? new Map<string, Resets>() : resetsByRegion(faults);
  const lines = groupBy<LeaseLine | LeaseEndLine>(
    [...leases, ...leaseEnds],
    ({ region }) => region,
    ({ key }) => key,
  );
  const overlapping = lines.flatMap((group) => checkKey(group, resets.get(group[0]!.region)));
  const loaded = groupBy(
    loads.filter(({ lease, replica }) => lease !== null && replica !== true),
    ({ region }) => region,
    ({ key }) => key,
    ({ lease }) => lease!,
  );
  const twice = loaded.flatMap((group): Violation[] => {
    const [first, second] = group.sort((a, b) => a.startMs - b.startMs);
    if (!first || !second) return [];
    const { key, region, process, startMs, lease } = second;
    const what = `${process} loaded ${key} under the lease ${lease}, under which ${first.process} had loaded it`;
    return [{ invariant: 'I9', key, region, process, atMs: startMs, what }];
  });
  return [...overlapping, ...twice];
}

function checkKey(lines: readonly (LeaseLine | LeaseEndLine)[], resets: Resets | undefined): Violation[] {
  const granted = lines.filter((line) => line.type === 'lease').sort((a, b) => a.atMs - b.atMs);
  if (granted.length < 2) return [];
  const ends = new Map<string, number[]>();
  for (const { type, token, atMs } of lines) {
    if (type === 'lease') continue;
    const times = ends.get(token);
    if (times) times.push(atMs);
    else ends.set(token, [atMs]);
  }
  for (const times of ends.values()) times.sort((a, b) => a - b);
  const violations: Violation[] = [];
  let live: { readonly token: string; readonly process: string; readonly untilMs: number } | null = null;
  for (const { token, process, key, region, atMs, untilMs } of granted) {
    if (live && live.token !== token && live.untilMs > atMs) {
      const what = `${process} was granted a lease of ${key} while ${live.process} held one for another ${rounded(live.untilMs - atMs)} ms`;
      violations.push({ invariant: 'I9', key, region, process, atMs, what });
    }
    const times = ends.get(token) ?? [];
    const ended = times[countUpTo(times, atMs, false)] ?? Number.POSITIVE_INFINITY;
    const endMs = Math.min(untilMs, ended, lossAfter(resets, atMs));
    if (!live || live.token === token || endMs > live.untilMs) live = { token, process, untilMs: endMs };
  }
  return violations;
}

/** When the store lost what it knew at an instant: at the beginning of the first loss that ends after it. */
function lossAfter(resets: Resets | undefined, atMs: number): number {
  if (!resets) return Number.POSITIVE_INFINITY;
  // Losses may overlap: any that begins before this one ends lost it as well.
  const began = resets.startsMs[countUpTo(resets.endsMs, atMs, false)];
  return began === undefined ? Number.POSITIVE_INFINITY : Math.max(began, atMs);
}
