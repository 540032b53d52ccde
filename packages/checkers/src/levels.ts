import { groupBy } from './groups.ts';
import type { History, LevelLine } from './history.ts';
import { Rising } from './rising.ts';
import { levelOf } from './version.ts';
import type { Violation } from './violation.ts';

/** I3: within one life of a store, horizons, epochs, eras and closed times never go back. */
export function checkLevels({ levels }: History): Violation[] {
  const groups = groupBy(
    levels,
    ({ region }) => region,
    ({ store }) => store,
    ({ what }) => what,
  );
  return groups.flatMap((lines) => {
    const known = new Rising<LevelLine>();
    return lines
      .sort((a, b) => a.atMs - b.atMs)
      .flatMap((line): Violation[] => {
        const { region, store, value, atMs } = line;
        const level = levelOf(value);
        known.raise(level, line, atMs);
        const above = known.above(level, atMs);
        if (!above) return [];
        const what = `${line.what} of ${store} went back from ${above.value} to ${value}`;
        return [{ invariant: 'I3', key: '', region, process: store, atMs, what }];
      });
  });
}

/** I14: nothing that is bounded holds more than its limit. */
export function checkSizes({ sizes }: History): Violation[] {
  return sizes.flatMap(({ region, process, what: name, count, max, atMs }): Violation[] => {
    if (count <= max) return [];
    const what = `${name} of ${process} held ${count}; its limit is ${max}`;
    return [{ invariant: 'I14', key: '', region, process, atMs, what }];
  });
}
