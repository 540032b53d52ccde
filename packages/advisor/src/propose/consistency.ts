import type { Workload } from '../workload.ts';

/** What readers should ask for, as code has it, and why. */
export interface ConsistencyProposal {
  readonly level: 'eventual' | 'bounded' | 'session' | 'latest';
  /** Of `bounded`, ms. */
  readonly boundMs?: number;
  readonly why: string;
}

/**
 * A bound that regions prove all the time: they ask for a proof every 500 ms (`pingInterval`), and its way takes up to a
 * round trip between regions. The demo's regions, 200 ms apart, proved 1.15 to 1.6 s.
 */
export const PROVABLE_MS = 1_500;

export function proposeConsistency({ staleness, readYourWrites }: Workload): ConsistencyProposal {
  if (staleness === 0)
    return {
      level: 'latest',
      why: 'nothing superseded may be read: each read asks the source for the version, and loads only what moved',
    };
  if (readYourWrites)
    return { level: 'session', why: 'users see their own writes, in every region; needs `sessionSecrets`' };
  if (staleness === undefined)
    return {
      level: 'eventual',
      why: 'no bound was asked for; invalidations arrive within milliseconds as long as regions reach each other',
    };
  if (staleness < PROVABLE_MS)
    return {
      level: 'latest',
      why: `regions prove ${PROVABLE_MS / 1_000} s all the time, and ${staleness} ms only with a shorter \`pingInterval\` and near regions`,
    };
  return {
    level: 'bounded',
    boundMs: staleness,
    why: 'proven for each read; what can not be proven, while a region is cut off, is asked of the source',
  };
}
