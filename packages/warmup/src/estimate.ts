import type { Origin } from './origin.ts';

/** What a warm-up would do. */
export interface WarmEstimate {
  readonly keys: number;
  /** Keys that are known to be read. */
  readonly hot: number;
  /** Of a sample of the keys, the share that a peer can give. */
  readonly fromPeers: number;
  /** Of values that would be copied. */
  readonly bytes: number;
  readonly sourceLoads: number;
  /** Of the loads, at the budget; copies take about a minute for a million. */
  readonly loadSeconds: number;
}

/** Keys that are looked at. */
const SAMPLE = 500;

/** Looks at what there is to do, and at a sample of it. Changes nothing. */
export async function estimateWarm(
  { keys, reads }: { readonly keys: readonly string[]; readonly reads: readonly number[] },
  origins: readonly Origin[],
  loadsPerSecond: number,
): Promise<WarmEstimate> {
  const step = Math.max(1, Math.floor(keys.length / SAMPLE));
  let missing: readonly string[] = keys.filter((_, i) => i % step === 0);
  const sampled = Math.max(1, missing.length);
  let bytes = 0;
  for (const origin of origins) {
    if (origin.kind !== 'copies') continue;
    const { blocks, without } = await origin.read(missing);
    for (const { data } of blocks.flatMap(({ values }) => values)) bytes += data?.byteLength ?? 0;
    missing = without;
  }
  const fromPeers = 1 - missing.length / sampled;
  const loads = origins.some(({ kind }) => kind === 'loads') ? Math.round(keys.length * (1 - fromPeers)) : 0;
  return {
    keys: keys.length,
    hot: reads.length,
    fromPeers,
    bytes: Math.round((bytes / sampled) * keys.length),
    sourceLoads: loads,
    loadSeconds: Math.ceil(loads / loadsPerSecond),
  };
}
