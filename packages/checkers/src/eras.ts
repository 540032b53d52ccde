import type { CommitLine, History, ReadLine, RestoreLine } from './history.ts';
import type { Violation } from './violation.ts';

/**
 * A restore splits a run into eras. Within an era the order of a key's commits is what the source
 * remembers: those that the restore kept, then those of the era itself. Each era is a history of its own:
 * what was lost is not in it, and promises about what was lost end with it.
 *
 * A read belongs to the era of the version that it was given. One that came after its era's end is judged
 * by `checkRestores` alone, and so is one that was given none.
 */
export function splitByEra(history: History): readonly History[] {
  const restores = inOrder(history);
  if (restores.length === 0) return [history];
  const lines = timelines(history, restores);
  return lines.map((commits, at) => {
    const known = new Set(commits.map(({ write }) => write));
    const endMs = restores[at]?.atMs ?? Number.POSITIVE_INFINITY;
    return {
      ...history,
      commits,
      writes: history.writes.filter(({ write, outcome }) => outcome !== 'ok' || known.has(write)),
      reads: history.reads.filter(
        (read) => read.outcome === 'ok' && placeOf(eraOf(read), restores) === at && read.endMs < endMs,
      ),
      finals: at === restores.length ? history.finals : [],
    };
  });
}

/** I12: what a restore undid is not read as the latest state any more, nor within a bound that began after it. */
export function checkRestores(history: History): Violation[] {
  const restores = inOrder(history);
  if (restores.length === 0) return [];
  const lines = timelines(history, restores);
  const violations: Violation[] = [];
  restores.forEach(({ atMs, era }, at) => {
    const remembered = new Set(
      lines.slice(at + 1).flatMap((line) => line.map(({ key, write }) => `${key} ${write}`)),
    );
    for (const { key, level, boundMs, outcome, value, region, process, startMs, endMs } of history.reads) {
      if (outcome !== 'ok' || !value || (level !== 'latest' && level !== 'bounded')) continue;
      if (startMs - (boundMs ?? 0) <= atMs || remembered.has(`${key} ${value.write}`)) continue;
      const what = `${process} read ${value.write} of ${key}, which the restore to era ${era} had undone`;
      violations.push({ invariant: 'I12', key, region, process, atMs: endMs, what });
    }
  });
  return violations;
}

function inOrder({ restores }: History): readonly RestoreLine[] {
  return restores.toSorted((a, b) => a.era - b.era);
}

/** What the source remembered in each era: before the first restore, after it, and so on. */
function timelines(history: History, restores: readonly RestoreLine[]): readonly (readonly CommitLine[])[] {
  const own: CommitLine[][] = Array.from({ length: restores.length + 1 }, () => []);
  for (const commit of history.commits) own[placeOf(commit.era ?? 1, restores)]!.push(commit);
  const lines: CommitLine[][] = [own[0]!];
  restores.forEach(({ kept }, at) => {
    const before = lines[at]!.filter(({ key, counter }) => counter <= (kept[key] ?? 0));
    lines.push([...before, ...own[at + 1]!]);
  });
  return lines;
}

/** How many restores had raised the era when it was this. */
function placeOf(era: number | null, restores: readonly RestoreLine[]): number {
  return era === null ? -1 : restores.filter((each) => each.era <= era).length;
}

/** Null when the read was not told a version. */
function eraOf({ version }: ReadLine): number | null {
  return version === undefined || version === null ? null : Number(version.split('.')[0]);
}
