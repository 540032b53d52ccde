import { groupBy } from './groups.ts';
import type { History, ServedLine, ToldLine } from './history.ts';
import { Rising } from './rising.ts';
import { levelOf } from './version.ts';
import type { Violation } from './violation.ts';

/** I1 and I2, seen at the store: what one life of it was told, it never calls an older version fresh after. */
export function checkStoreAnswers({ told, served }: History): Violation[] {
  const groups = groupBy<ToldLine | ServedLine>(
    [...told, ...served],
    ({ region }) => region,
    ({ store }) => store,
    ({ key }) => key,
  );
  return groups.flatMap((lines) => {
    const known = new Rising<ToldLine>();
    return lines
      .sort((a, b) => a.atMs - b.atMs)
      .flatMap((line): Violation[] => {
        const level = levelOf(line.version);
        if (line.type === 'told') {
          known.raise(level, line, line.atMs);
          return [];
        }
        const above = known.above(level, line.atMs);
        if (!above) return [];
        const { key, region, process, store, version, atMs } = line;
        const what = `${store} served ${version} of ${key} as fresh to ${process}, after ${above.process} had told it of ${above.version}`;
        return [{ invariant: 'I2', key, region, process, atMs, what }];
      });
  });
}
