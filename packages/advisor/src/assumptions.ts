import { proposeConsistency } from './propose/consistency.ts';
import type { Workload } from './workload.ts';

/** What the figures rest on besides what was said. */
export function assumptionsOf(work: Workload): string[] {
  const { zipf, writeZipf, loadCost, dependencies, dependencyWrites, dependencyKeys, newKeys } = work;
  return [
    `reads come independently of each other, by Zipf's law with exponent ${zipf}`,
    ...(writeZipf === undefined ? ['writes go where reads go, which is the worst that they can do'] : []),
    ...(dependencies > 0 && dependencyWrites === undefined && dependencyKeys === undefined
      ? ['what values are made from is written as often as an average key']
      : []),
    ...(loadCost === undefined ? ['what a load takes is not known, so that nothing is said of latency'] : []),
    ...(newKeys === 0 ? ['the keys stay the same: no read asks for one that is new'] : []),
    ...(work.writes > work.reads
      ? [
          'more is written than read: if reads follow the writes closely, more of them are hits than is said here',
        ]
      : []),
    ...(proposeConsistency(work).level === 'latest'
      ? ['version queries of `latest` are not counted as loads']
      : []),
  ];
}
