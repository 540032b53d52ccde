import { Draw } from './draw.ts';
import { drawKnobs } from './draw-knobs.ts';
import {
  type ClockPlan,
  type Fault,
  FAULT_KINDS,
  type FaultKind,
  type Knobs,
  type Operation,
  type OperationKind,
  type Plan,
} from './plan.ts';

/** How a plan is drawn: how large, and which faults may come. */
export interface Profile {
  readonly name: string;
  readonly regions: readonly [least: number, most: number];
  readonly nodes: readonly [least: number, most: number];
  readonly operations: readonly [least: number, most: number];
  readonly lengthMs: readonly [least: number, most: number];
  readonly faultsMax: number;
}

/** Small ones are many: most races need one region, two nodes and a few hundred milliseconds. */
export const PROFILES: readonly { readonly weight: number; readonly profile: Profile }[] = [
  {
    weight: 0.84,
    profile: {
      name: 'race',
      regions: [1, 1],
      nodes: [1, 2],
      operations: [4, 18],
      lengthMs: [80, 500],
      faultsMax: 2,
    },
  },
  {
    weight: 0.13,
    profile: {
      name: 'pair',
      regions: [2, 2],
      nodes: [1, 2],
      operations: [6, 30],
      lengthMs: [200, 1_200],
      faultsMax: 3,
    },
  },
  {
    weight: 0.03,
    profile: {
      name: 'long',
      regions: [2, 3],
      nodes: [1, 2],
      operations: [20, 70],
      lengthMs: [1_500, 6_000],
      faultsMax: 6,
    },
  },
];

/** Rolled out, rolled back, and one deploy into another. */
const RELEASES: readonly (readonly number[])[] = [
  [1, 2],
  [2, 1],
  [1, 2, 3],
];

/** Faults that can't happen to the source, or that need something that the run has not. */
function possible(kind: FaultKind, knobs: Knobs, regions: number): boolean {
  if (kind === 'replica-stall' || kind === 'replica-down') return knobs.replicaLagsMs.length > 0;
  if (kind === 'region-cut' || kind === 'one-way-cut' || kind === 'slow-link') return regions > 1;
  // A tombstone must outlive what holds the horizon back: see the configuration's reference.
  if (kind === 'long-transaction') return knobs.store.tombstoneTtlMs >= 60_000;
  return true;
}

/**
 * The plan of a seed. Swarm testing (Groce et al., ISSTA 2012): most runs switch most faults off, some have
 * all, some a single one; rare combinations come up that a run with everything on would hide.
 */
export function drawPlan(seed: number, only: readonly FaultKind[] = FAULT_KINDS): Plan {
  const draw = new Draw(seed);
  const profile = pickProfile(draw);
  const regions = draw.integer(...profile.regions);
  const nodes = Array.from({ length: regions }, () => draw.integer(...profile.nodes));
  const endMs = Math.round(draw.between(...profile.lengthMs));
  const knobs = drawKnobs(draw);
  const rows = draw.integer(1, 3);
  const operations = drawOperations(draw, profile, endMs);
  const kinds = drawKinds(draw, only).filter((kind) => possible(kind, knobs, regions));
  const faults = drawFaults(draw, kinds, profile, endMs, operations);
  const plan = {
    seed,
    profile: profile.name,
    nodes,
    clocks: nodes.flatMap((count) => Array.from({ length: count }, () => drawClock(draw))),
    rows,
    endMs,
    knobs,
    operations: [...operations, ...followUps(draw, faults, rows)]
      .filter(({ atMs }) => atMs <= endMs)
      .sort((a, b) => a.atMs - b.atMs),
    faults,
  };
  // Drawn last, so that all else of a seed is as it is without them.
  return { ...plan, releases: draw.mostly([1], RELEASES) };
}

function pickProfile(draw: Draw): Profile {
  let left = draw.unit();
  for (const { weight, profile } of PROFILES) {
    left -= weight;
    if (left < 0) return profile;
  }
  return PROFILES[0]!.profile;
}

function drawKinds(draw: Draw, only: readonly FaultKind[]): readonly FaultKind[] {
  const mood = draw.unit();
  if (mood < 0.1) return [draw.pick(only)];
  if (mood < 0.3) return only;
  return only.filter(() => draw.chance(0.3));
}

function drawClock(draw: Draw): ClockPlan {
  return {
    offsetMs: Math.round(draw.between(0, 100_000)),
    rate: draw.mostly(1, [0.996, 1.004, 0.999]),
    wallSkewMs: draw.mostly(0, [-5_000, 5_000, 86_400_000]),
  };
}

const KINDS: readonly OperationKind[] = [
  'write',
  'write',
  'write',
  'write',
  'remove',
  'write-two',
  'write-aborted',
  'write-all',
  'write-sql',
  'publish',
  'publish',
  'publish-back',
];

function drawOperations(draw: Draw, profile: Profile, endMs: number): Operation[] {
  const count = draw.integer(...profile.operations);
  // Some runs are busy at one moment, some begin before anything is in place.
  const busyMs = draw.between(0, endMs);
  const fromMs = draw.mostly(Math.min(150, endMs / 3), [0]);
  const crowded = draw.chance(0.5);
  return Array.from({ length: count }, () => {
    const atMs = crowded && draw.chance(0.7) ? busyMs + draw.between(0, 60) : draw.between(fromMs, endMs);
    const writes = draw.chance(0.35);
    return drawOperation(
      draw,
      Math.round(atMs * 10) / 10,
      writes ? draw.pick(KINDS) : draw.mostly('read', ['read-many', 'view'], 0.15),
    );
  });
}

function drawOperation(draw: Draw, atMs: number, kind: OperationKind): Operation {
  return {
    kind,
    atMs,
    node: draw.integer(0, 5),
    row: draw.mostly(0, [1, 2], 0.4),
    keyspace: draw.mostly('row', ['copy'], 0.25),
    level: draw.pick(['eventual', 'eventual', 'bounded', 'session', 'latest']),
    boundMs: draw.pick([20, 100, 300, 1_000, 5_000]),
    whenUnproven: draw.mostly('bypass', ['fail', 'serve']),
    session: draw.integer(0, 2),
  };
}

/** Faults are aimed: most come shortly after a write, when something is under way. */
function drawFaults(
  draw: Draw,
  kinds: readonly FaultKind[],
  { faultsMax }: Profile,
  endMs: number,
  operations: readonly Operation[],
): Fault[] {
  if (kinds.length === 0) return [];
  const writes = operations.filter(({ kind }) => kind.startsWith('write') || kind === 'remove');
  return Array.from({ length: draw.integer(0, faultsMax) }, () => {
    const aimed = writes.length > 0 && draw.chance(0.6);
    const atMs = aimed ? draw.pick(writes).atMs + draw.between(0, 160) : draw.between(0, endMs);
    // Most end while the service still works: what it does after them is what they are for.
    const forMs = draw.pick([5, 30, 120, 400, 1_500, 4_000]) * draw.between(0.5, 1.5);
    return {
      kind: draw.pick(kinds),
      atMs: Math.round(Math.min(atMs, endMs)),
      forMs: Math.max(1, Math.round(draw.chance(0.25) ? forMs : Math.min(forMs, 0.8 * (endMs - atMs)))),
      target: draw.integer(0, 11),
      amount: draw.unit(),
    };
  }).sort((a, b) => a.atMs - b.atMs);
}

/** Reads that look at what a fault has left behind. */
function followUps(draw: Draw, faults: readonly Fault[], rows: number): Operation[] {
  return faults.flatMap(({ atMs, forMs }) =>
    Array.from({ length: draw.integer(0, 3) }, () => ({
      ...drawOperation(draw, Math.round(atMs + draw.between(0, 1.5 * forMs)), 'read'),
      row: draw.integer(0, rows - 1),
    })),
  );
}
