import { type GeoPermissibleObjects, type GeoProjection, geoNaturalEarth1, geoPath } from 'd3-geo';
import { feature } from 'topojson-client';
import type { GeometryCollection, Topology } from 'topojson-specification';
import type { RegionNow } from '../src/api.ts';
import world from 'world-atlas/land-110m.json';

const topology = world as unknown as Topology<{ land: GeometryCollection }>;
const land = feature(topology, topology.objects.land) as GeoPermissibleObjects;
/** Pixels at the rim, for labels. */
const RIM = { x: 90, y: 60 };
/** Pixels of a radian: closer, and there would be nothing to recognise. */
const SCALE_MAX = 700;
/** Latitude of the northernmost land. */
const NORTH = 80;

export type Point = readonly [x: number, y: number];

/** Where everything is drawn. */
export interface Layout {
  /** Outline of the land; empty when not every region says where it is. */
  readonly land: string;
  readonly at: ReadonlyMap<string, Point>;
  way(a: string, b: string): Way;
}

/** The way between two regions. */
export interface Way {
  /** As a path. */
  readonly d: string;
  /** A point of it, `t` from 0 to 1. */
  at(t: number): Point;
}

export function layout(regions: readonly RegionNow[], width: number, height: number): Layout {
  return regions.every(({ location }) => location)
    ? onMap(regions, width, height)
    : inCircle(regions, width, height);
}

function onMap(regions: readonly RegionNow[], width: number, height: number): Layout {
  const places = new Map(
    regions.map(({ region, location }) => [region, [location!.longitude, location!.latitude] as Point]),
  );
  const rim = { x: Math.min(RIM.x, width / 6), y: Math.min(RIM.y, height / 5) };
  const projection = geoNaturalEarth1()
    .rotate([-middleLongitude([...places.values()].map(([longitude]) => longitude)), 0])
    .fitExtent(
      [
        [rim.x, rim.y],
        [width - rim.x, height - rim.y],
      ],
      { type: 'MultiPoint', coordinates: [...places.values()].map(([x, y]) => [x, y]) },
    );
  if (projection.scale() > SCALE_MAX) {
    const middle = projection.invert!([width / 2, height / 2])!;
    projection.scale(SCALE_MAX);
    const [x, y] = projection(middle)!;
    const [left, top] = projection.translate();
    projection.translate([left + width / 2 - x, top + height / 2 - y]);
  }
  fillTop(projection);
  projection.clipExtent([
    [-20, -20],
    [width + 20, height + 20],
  ]);
  const path = geoPath(projection).digits(1);
  const project = ([x, y]: Point): Point => projection([x, y]) ?? [width / 2, height / 2];
  return {
    land: path(land) ?? '',
    at: new Map([...places].map(([region, place]) => [region, project(place)])),
    way: (a, b) => arc(project(places.get(a)!), project(places.get(b)!)),
  };
}

/** Above the world there is nothing to see: in a tall drawing the map is moved up. */
function fillTop(projection: GeoProjection): void {
  const [x, y] = projection.translate();
  const empty = projection([0, NORTH])![1];
  if (empty > 0) projection.translate([x, y - empty]);
}

/** Of the smallest part of the globe that has all of them: regions may lie on both sides of the date line. */
function middleLongitude(longitudes: readonly number[]): number {
  const sorted = longitudes.toSorted((a, b) => a - b);
  let [widest, after] = [-1, 0];
  for (const [i, longitude] of sorted.entries()) {
    const next = i + 1 < sorted.length ? sorted[i + 1]! : sorted[0]! + 360;
    if (next - longitude > widest) [widest, after] = [next - longitude, next];
  }
  return after + (360 - widest) / 2;
}

function inCircle(regions: readonly RegionNow[], width: number, height: number): Layout {
  const at = new Map(
    regions.map(({ region }, i): [string, Point] => {
      const angle = (2 * Math.PI * i) / regions.length - Math.PI / 2;
      return [
        region,
        [width / 2 + (width / 2 - 90) * Math.cos(angle), height / 2 + (height / 2 - 60) * Math.sin(angle)],
      ];
    }),
  );
  return { land: '', at, way: (a, b) => arc(at.get(a)!, at.get(b)!) };
}

/** Bent a little upwards, so that ways between regions in a row do not lie on each other. */
function arc([x1, y1]: Point, [x2, y2]: Point): Way {
  const lift = Math.hypot(x2 - x1, y2 - y1) * 0.18;
  const [cx, cy] = [(x1 + x2) / 2, (y1 + y2) / 2 - lift];
  const curve = (t: number, from: number, bend: number, to: number): number =>
    (1 - t) ** 2 * from + 2 * t * (1 - t) * bend + t ** 2 * to;
  return {
    d: `M${x1.toFixed(1)} ${y1.toFixed(1)}Q${cx.toFixed(1)} ${cy.toFixed(1)} ${x2.toFixed(1)} ${y2.toFixed(1)}`,
    at: (t) => [curve(t, x1, cx, x2), curve(t, y1, cy, y2)],
  };
}
