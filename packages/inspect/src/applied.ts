import { setTimeout as pause } from 'node:timers/promises';
import {
  comparePositions,
  compareVersions,
  type Invalidation,
  isScopeKey,
  type Position,
  type StoreAnswer,
} from '@tidemark/core';
import type { Mesh, MeshRegion } from './mesh.ts';
import { ask } from './reached.ts';

const AGAIN_MS = 50;

/** Whether a region's store has heard of a write. Its processes' L1s hear of it by the same applier. */
export interface AppliedIn {
  readonly region: string;
  readonly applied: boolean;
  /** How long it took from when this began to look, ms; null when it has not happened. */
  readonly ms: number | null;
  /** Why it is not known to have happened: the region hears of it when it is back. */
  readonly reason: string | null;
}

/** Waits until every region's store has applied what was committed, `waitMs` at most. */
export async function waitApplied(
  mesh: Mesh,
  invalidations: readonly Invalidation[],
  waitMs: number,
): Promise<readonly AppliedIn[]> {
  const asked = await ask(
    mesh.answerMs,
    async () => (await mesh.truth(({ source }) => source.labels([]))).answer,
  );
  const asOf = asked.reachable ? asked.asOf : null;
  return Promise.all(mesh.regions.map((each) => waitIn(mesh, each, { invalidations, asOf }, waitMs)));
}

interface Awaited {
  readonly invalidations: readonly Invalidation[];
  /** A horizon from after the commit: whoever is there has applied it. */
  readonly asOf: Position | null;
}

async function waitIn(
  { answerMs }: Mesh,
  { region, store }: MeshRegion,
  wanted: Awaited,
  waitMs: number,
): Promise<AppliedIn> {
  const beganMs = performance.now();
  const keys = wanted.invalidations.map(({ key }) => key).filter((key) => !isScopeKey(key));
  for (;;) {
    const answer = await ask(answerMs, () => store.read(keys));
    const ms = performance.now() - beganMs;
    if (answer.reachable && hasApplied(answer, keys, wanted))
      return { region: region.id, applied: true, ms, reason: null };
    if (ms >= waitMs) {
      const reason = answer.reachable ? `not within ${waitMs} ms` : answer.reason;
      return { region: region.id, applied: false, ms: null, reason };
    }
    await pause(AGAIN_MS);
  }
}

function hasApplied(
  { meta, records }: StoreAnswer,
  keys: readonly string[],
  { invalidations, asOf }: Awaited,
): boolean {
  if (!meta) return false;
  if (asOf && comparePositions(meta.horizon, asOf) >= 0) return true;
  return invalidations.every(({ key, version }) => {
    if (isScopeKey(key)) return version.era === meta.horizon.era && (meta.scopes.get(key) ?? 0) >= version.n;
    const record = records[keys.indexOf(key)];
    return record ? compareVersions(record.tidemark, version) >= 0 : false;
  });
}
