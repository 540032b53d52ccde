import type { Point, Way } from './projection.ts';

/** Where on a way its label may be; the middle is tried first. */
const TRIED = [0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74];
/** A region's own text is below it. */
const NAME_BELOW = 34;
/** Labels are wide: what is beside them is nearer than what is above. */
const FLAT = 2.2;

/** A place for the label of each way, far from regions and from the labels before it. */
export function placeLabels(ways: readonly Way[], regions: readonly Point[]): readonly Point[] {
  const taken = regions.flatMap(([x, y]): Point[] => [
    [x, y],
    [x, y + NAME_BELOW],
  ]);
  return ways.map((way) => {
    const room = (point: Point): number => Math.min(...taken.map((other) => distance(point, other)));
    const points = TRIED.map((t) => way.at(t));
    const best = points.reduce((a, b) => (room(b) > room(a) + 4 ? b : a));
    taken.push(best);
    return best;
  });
}

function distance([x1, y1]: Point, [x2, y2]: Point): number {
  return Math.hypot(x1 - x2, (y1 - y2) * FLAT);
}
