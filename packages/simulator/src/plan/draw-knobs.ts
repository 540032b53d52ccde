import type { Draw } from './draw.ts';
import type { Knobs } from './plan.ts';

const ROOMY = 10_000;

/** Usual values mostly, nasty ones now and then: tiny limits, lives shorter than what they guard, slow links. */
export function drawKnobs(draw: Draw): Knobs {
  const tombstoneTtlMs = draw.mostly(600_000, [60_000, 8_000, 3_000]);
  const lanMs = [0.2, draw.mostly(3, [0.3, 12])] as const;
  const wanMs = draw.mostly<readonly [number, number]>(
    [15, 50],
    [
      [3, 90],
      [60, 150],
    ],
  );
  // Time-outs that nothing could ever keep would only show that nothing works.
  const callTimeoutMs = draw.mostly(250, [25, 60, 1_000]) + 2 * wanMs[1];
  const loadTimeoutMs = Math.min(draw.mostly(5_000, [300, 120]) + 8 * wanMs[1], tombstoneTtlMs / 2 - 50);
  return {
    network: {
      lanMs,
      wanMs,
      tail: draw.mostly(0, [0.02, 0.1, 0.25], 0.5),
      tailMs: draw.pick([20, 80, 300]),
      loss: draw.mostly(0, [0.01, 0.05, 0.15], 0.4),
      repeat: draw.mostly(0, [0.05, 0.3], 0.3),
    },
    delivery: {
      twice: draw.mostly(0, [0.1, 0.6], 0.4),
      overtakes: draw.mostly(0, [0.1, 0.5], 0.4),
      dropped: draw.mostly(0, [0.05, 0.3], 0.3),
    },
    store: { entriesMax: draw.mostly(ROOMY, [1, 2, 3, 6], 0.2), tombstoneTtlMs },
    partitions: draw.mostly(1, [2, 3], 0.2),
    messagesMax: draw.mostly(ROOMY, [1, 4, 20], 0.25),
    rows: {
      ttlMs: draw.mostly(3_600_000, [400, 30, 1]),
      staleMs: draw.mostly(0, [50, 1_000]),
      negativeTtlMs: draw.mostly(10_000, [3_600_000, 20]),
      onWrite: draw.mostly('invalidate', ['update', 'refresh']),
      copyOnWrite: draw.mostly('invalidate', ['update', 'refresh']),
    },
    replicaLagsMs: draw.mostly<readonly number[]>([], [[3], [40], [400], [5, 120]], 0.5),
    slowLoad: draw.mostly(0, [0.1, 0.5], 0.5),
    slowLoadMs: draw.pick([10, 60, 400]),
    callTimeoutMs,
    pingIntervalMs: draw.mostly(200, [40, 500]),
    loadTimeoutMs,
    leaseWaitMs: draw.mostly(2_000, [1, 60]),
    l1EntriesMax: draw.mostly(64, [1, 2], 0.2),
    loadConcurrencyMax: draw.mostly(32, [1, 2], 0.2),
    sessions: draw.chance(0.6),
  };
}
