import { type Plan, predict } from '../model/predict.ts';
import type { Workload } from '../workload.ts';
import { WORTH_SHARE } from './steps.ts';

/** About what `l1BytesMax` counts for an entry besides its value: the entry, its version, its key, the value's own object. */
export const ENTRY_BYTES = 420;
const ENTRIES_MIN = 100;
/** A Map's limit is 2^24; an L1 should stay below. */
const ENTRIES_MAX = 10_000_000;

export interface L1Size {
  readonly entriesMax: number;
  readonly bytesMax: number;
}

/**
 * The smallest L1 of a node that is within a hundredth of the reads of the largest that `l1Memory` allows, in steps of 1, 2, 5;
 * null if none is worth having: then L2 answers what L1 would.
 */
export function proposeL1(work: Workload, plan: Plan): L1Size | null {
  const entryBytes = ENTRY_BYTES + work.valueBytes;
  const most = Math.min(ENTRIES_MAX, work.keys, Math.floor(work.l1Memory / entryBytes));
  const hits = (l1Entries: number): number => predict(work, { ...plan, l1Entries }).l1;
  const best = most < 1 ? 0 : hits(most);
  if (best < WORTH_SHARE) return null;
  const entriesMax =
    firstThat(steps(most), (entries) => best - hits(entries) <= WORTH_SHARE) ?? roundDown(most);
  return { entriesMax, bytesMax: Math.ceil(entriesMax * entryBytes) };
}

/** The first that is good enough, where all after it are too. */
function firstThat(sizes: readonly number[], isEnough: (size: number) => boolean): number | undefined {
  let low = 0;
  for (let high = sizes.length; low < high;) {
    const middle = (low + high) >> 1;
    if (isEnough(sizes[middle]!)) high = middle;
    else low = middle + 1;
  }
  return sizes[low];
}

function steps(most: number): number[] {
  const all: number[] = [];
  for (let ten = ENTRIES_MIN; ten <= most; ten *= 10) all.push(ten, ten * 2, ten * 5);
  return all.filter((entries) => entries <= most);
}

/** To two digits. */
function roundDown(entries: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(entries)) - 1);
  return Math.floor(entries / unit) * unit;
}
