import { type Random, seededRandom } from './random.ts';

/** Everything that is done to a run on purpose; what each does is in `faults.ts`. */
export const FAULT_KINDS = [
  'node-killed',
  'writer-killed',
  'node-stopped',
  'role-holder-stopped',
  'redis-stopped',
  'redis-emptied',
  'redis-restarted-empty',
  'redis-rolled-back',
  'nats-stopped',
  'nats-wiped',
  'stream-deleted',
  'stream-purged',
  'stream-overrun',
  'region-cut',
  'asymmetric-cut',
  'slow-link',
  'relay-moved',
  'postgres-restarted',
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

/** One fault of a plan. */
export interface PlannedFault {
  readonly kind: FaultKind;
  /** After the begin of the workload, ms. */
  readonly atMs: number;
  readonly lengthMs: number;
  readonly region: string;
  /** Another region, for faults between two. */
  readonly peer: string;
  /** Number of the node within the region, from 1. */
  readonly node: number;
  /** A coin, for kinds that come in two forms. */
  readonly heads: boolean;
}

/** Time for caches to fill before the first fault. */
const CALM_MS = 2_500;
const LENGTH_MS: readonly [number, number] = [600, 4_000];
const PAUSE_MS: readonly [number, number] = [300, 2_500];

export interface PlanOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly kinds: readonly FaultKind[];
  readonly regions: readonly string[];
  readonly nodesPerRegion: number;
}

/**
 * Draws all faults of a run beforehand: every kind once before any comes twice. Two tracks, so that
 * faults of different regions overlap.
 */
export function drawPlan(options: PlanOptions): PlannedFault[] {
  const { seed, durationMs, kinds, regions } = options;
  const random = seededRandom(seed);
  const plan: PlannedFault[] = [];
  const freeAtMs = [CALM_MS, CALM_MS + random.integer(...PAUSE_MS)];
  for (let deck: FaultKind[] = []; ;) {
    if (deck.length === 0) deck = random.shuffled(kinds);
    const track = freeAtMs[0]! <= freeAtMs[1]! ? 0 : 1;
    const atMs = freeAtMs[track]!;
    const fault = draw(deck.pop()!, atMs, random, options);
    if (atMs + fault.lengthMs > durationMs) return plan;
    const other = plan.findLast((each) => each.atMs + each.lengthMs > atMs);
    // Two faults of one region at once would undo each other: the later goes elsewhere.
    const region =
      other && other.region === fault.region
        ? random.pick(regions.filter((id) => id !== other.region))
        : fault.region;
    plan.push({ ...fault, region, peer: random.pick(regions.filter((id) => id !== region)) });
    freeAtMs[track] = atMs + fault.lengthMs + random.integer(...PAUSE_MS);
  }
}

function draw(kind: FaultKind, atMs: number, random: Random, options: PlanOptions): PlannedFault {
  const { regions, nodesPerRegion } = options;
  return {
    kind,
    atMs,
    lengthMs: random.integer(...LENGTH_MS),
    region: random.pick(regions),
    peer: '',
    node: random.integer(1, nodesPerRegion),
    heads: random.unit() < 0.5,
  };
}

/** One line for a person. */
export function describeFault({ kind, atMs, lengthMs, region, peer, node }: PlannedFault): string {
  const between = ['asymmetric-cut', 'slow-link', 'stream-overrun'].includes(kind) ? ` (with ${peer})` : '';
  const at = `${(atMs / 1_000).toFixed(1).padStart(6)} s`;
  return `${at}  ${kind.padEnd(22)} ${region}-${node}${between}, ${(lengthMs / 1_000).toFixed(1)} s`;
}
