import { scaleLinear, scaleLog } from 'd3-scale';
import { line } from 'd3-shape';
import { useState } from 'preact/hooks';
import { clock } from './format.ts';
import { regionClass, regionDash } from './region-colour.ts';
import { useSize } from './use-size.ts';

const HEIGHT = 190;
const LEFT = 52;
const RIGHT = 10;
const TOP = 10;
const BOTTOM = 22;
/** A hole in time: the page was asleep, or the server. */
const HOLE_MS = 5_000;

export interface Series {
  readonly name: string;
  readonly values: readonly (number | null)[];
}

export interface TimeChartProps {
  readonly title: string;
  readonly atMs: readonly number[];
  /** One for each region, in the order of `Hello.regions`. */
  readonly series: readonly Series[];
  readonly spanMs: number;
  readonly log?: boolean;
  readonly domain: readonly [number, number];
  readonly ticks: readonly number[];
  readonly format: (value: number) => string;
  /** At the axis. Default: `format`. */
  readonly tick?: (value: number) => string;
  /** A line that should not be crossed, and what it means. */
  readonly limit?: { readonly value: number; readonly text: string };
}

/** Lines over time; the numbers under the pointer, or the latest, beside the names. */
export function TimeChart(props: TimeChartProps) {
  const { title, atMs, series, spanMs, log = false, domain, ticks, format, tick = format, limit } = props;
  const [ref, { width }] = useSize<HTMLDivElement>();
  const [pointed, setPointed] = useState<number | null>(null);
  const lastMs = atMs.at(-1) ?? 0;
  const fromMs = Math.max(lastMs - spanMs, Math.min(atMs[0] ?? lastMs, lastMs - 60_000));
  const x = scaleLinear([fromMs, lastMs], [LEFT, Math.max(LEFT + 1, width - RIGHT)]);
  const y = (log ? scaleLog : scaleLinear)([...domain], [HEIGHT - BOTTOM, TOP]).clamp(true);
  const shown = pointed === null ? atMs.length - 1 : nearest(atMs, pointed);
  const times = [0, 1, 2, 3].map((i) => fromMs + ((lastMs - fromMs) * i) / 3);
  return (
    <div>
      <ul class="legend">
        {series.map(({ name, values }, i) => {
          const value = values[shown];
          return (
            <li key={name}>
              <svg width={26} height={8} aria-hidden="true">
                <path d="M1 4H25" class={`line ${regionClass(i)}`} stroke-dasharray={regionDash(i)} />
              </svg>
              {name} <b>{value === null || value === undefined ? '–' : format(value)}</b>
            </li>
          );
        })}
        <li class="at">{shown >= 0 && clock(atMs[shown]!)}</li>
      </ul>
      <div ref={ref} class="drawing">
        {width > 0 && (
          <svg
            width={width}
            height={HEIGHT}
            role="img"
            aria-label={describe(title, series, format)}
            onPointerMove={(event) => setPointed(x.invert(event.offsetX))}
            onPointerLeave={() => setPointed(null)}
          >
            {ticks.map((value) => (
              <g key={value} transform={`translate(0 ${y(value).toFixed(1)})`}>
                <path d={`M${LEFT} 0H${width - RIGHT}`} class="grid" />
                <text class="tick" x={LEFT - 7} y={4} text-anchor="end">
                  {tick(value)}
                </text>
              </g>
            ))}
            {times.map((at, i) => (
              <text
                key={i}
                class="tick"
                x={x(at)}
                y={HEIGHT - 5}
                text-anchor={i === 0 ? 'start' : i === 3 ? 'end' : 'middle'}
              >
                {clock(at)}
              </text>
            ))}
            {limit && (
              <g transform={`translate(0 ${y(limit.value).toFixed(1)})`}>
                <path d={`M${LEFT} 0H${width - RIGHT}`} class="limit" />
                <text class="limit-text" x={LEFT + 4} y={-4}>
                  {limit.text}
                </text>
              </g>
            )}
            {series.map(({ name, values }, i) => (
              <path
                key={name}
                d={drawLine(atMs, values, x, y)}
                class={`line ${regionClass(i)}`}
                stroke-dasharray={regionDash(i)}
              />
            ))}
            {pointed !== null && shown >= 0 && (
              <path d={`M${x(atMs[shown]!).toFixed(1)} ${TOP}V${HEIGHT - BOTTOM}`} class="cursor" />
            )}
          </svg>
        )}
      </div>
    </div>
  );
}

function drawLine(
  atMs: readonly number[],
  values: readonly (number | null)[],
  x: (value: number) => number,
  y: (value: number) => number,
): string {
  const points: { readonly at: number; readonly value: number | null }[] = [];
  for (const [i, at] of atMs.entries()) {
    const before = atMs[i - 1];
    if (before !== undefined && at - before > HOLE_MS) points.push({ at: before, value: null });
    points.push({ at, value: values[i] ?? null });
  }
  const draw = line<(typeof points)[number]>(
    ({ at }) => x(at),
    ({ value }) => y(value!),
  )
    .defined(({ value }) => value !== null)
    .digits(1);
  return draw(points) ?? '';
}

function nearest(atMs: readonly number[], wanted: number): number {
  let best = 0;
  for (const [i, at] of atMs.entries()) {
    if (Math.abs(at - wanted) < Math.abs(atMs[best]! - wanted)) best = i;
  }
  return atMs.length === 0 ? -1 : best;
}

function describe(title: string, series: readonly Series[], format: (value: number) => string): string {
  const told = series.map(({ name, values }) => {
    const known = values.filter((value) => value !== null);
    if (known.length === 0) return `${name}: unknown`;
    const [least, most] = [Math.min(...known), Math.max(...known)];
    return `${name}: ${format(known.at(-1)!)} now, between ${format(least)} and ${format(most)}`;
  });
  return `${title}. ${told.join('; ')}`;
}
