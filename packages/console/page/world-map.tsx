import { useMemo } from 'preact/hooks';
import type { Health, Hello, LinkNow, RegionNow } from '../src/api.ts';
import { span } from './format.ts';
import { placeLabels } from './labels.ts';
import { MarkShape } from './mark.tsx';
import { layout, type Point } from './projection.ts';
import { useSize } from './use-size.ts';

/** With more regions only the labels of ways that are not good are drawn. */
const LABELS_MAX = 15;
const NARROW = 560;

/** Regions where they are, and the ways between them; the same as a table. */
export function WorldMap({ hello }: { readonly hello: Hello }) {
  const { regions, links } = hello.now;
  const [ref, { width, height }] = useSize<HTMLDivElement>();
  const names = regions.map(({ region }) => region).join(' ');
  const drawn = useMemo(() => {
    if (width === 0 || regions.length === 0) return null;
    const { land, at, way } = layout(regions, width, height);
    const ways = links.map(({ a, b }) => way(a, b));
    return { land, at, ways, labels: placeLabels(ways, [...at.values()]) };
  }, [names, links.length, width, height]);
  return (
    <section class="panel map" aria-labelledby="map-title">
      <h2 id="map-title">Regions and the ways between them</h2>
      <div ref={ref} class="drawing">
        {drawn && (
          <svg
            width={width}
            height={height}
            viewBox={`0 0 ${width} ${height}`}
            role="img"
            aria-label={summary(regions, links)}
          >
            <path d={drawn.land} class="land" />
            {links.map(({ a, b, health }, i) => (
              <path
                key={`${a} ${b}`}
                d={drawn.ways[i]!.d}
                class={`way-line way-${health}`}
                data-link={`${a} ${b}`}
                data-health={health}
              />
            ))}
            {regions.map((region) => (
              <Place
                key={region.region}
                region={region}
                at={drawn.at.get(region.region)!}
                narrow={width < NARROW}
              />
            ))}
            {links.map((link, i) =>
              links.length <= LABELS_MAX || link.health !== 'good' ? (
                <WayLabel key={`${link.a} ${link.b}`} link={link} at={drawn.labels[i]!} />
              ) : null,
            )}
          </svg>
        )}
      </div>
      <details>
        <summary>Lag between regions, as a table</summary>
        <LagTable links={links} />
      </details>
    </section>
  );
}

function summary(regions: readonly RegionNow[], links: readonly LinkNow[]): string {
  const told = regions.map(({ region, health, boundMs }) =>
    health === 'good' ? `${region} proven within ${span(boundMs ?? 0)}` : `${region} ${WORDS[health]}`,
  );
  const cut = links.filter(({ health }) => health === 'cut').map(({ a, b }) => `${a} to ${b} cut`);
  return `Map: ${[...told, ...cut].join('; ')}`;
}

const WORDS: Readonly<Record<Health, string>> = { good: 'proven', late: 'nothing fresh', cut: 'CUT' };

function WayLabel({ link, at: [x, y] }: { readonly link: LinkNow; readonly at: Point }) {
  const { health, ways } = link;
  const behind = ways.flatMap(({ behindMs }) => (behindMs === null ? [] : [behindMs]));
  const lag = behind.length === 0 ? '?' : span(Math.max(...behind));
  const text = health === 'cut' ? 'CUT' : `${lag} behind`;
  const half = text.length * 3.7 + 6;
  return (
    <g class={`way-label way-${health}`} transform={`translate(${x.toFixed(1)} ${y.toFixed(1)})`}>
      <rect x={-half} y={-11} width={2 * half} height={20} rx={10} />
      <text text-anchor="middle" y={3.5}>
        {text}
      </text>
    </g>
  );
}

function Place({
  region,
  at: [x, y],
  narrow,
}: {
  readonly region: RegionNow;
  readonly at: Point;
  readonly narrow: boolean;
}) {
  const { region: name, health, boundMs, role } = region;
  const proven = boundMs === null ? 'nothing proven' : span(boundMs);
  return (
    <g transform={`translate(${x.toFixed(1)} ${y.toFixed(1)})`} class={`place mark-${health}`}>
      <circle r={17} class="place-ring" />
      <MarkShape health={health} />
      <text class="place-name" text-anchor="middle" y={34}>
        {name}
        {role === 'home' && !narrow ? ' (home)' : ''}
      </text>
      <text class="place-bound" text-anchor="middle" y={50}>
        {health === 'cut' ? `CUT · ${proven}` : proven}
      </text>
    </g>
  );
}

function LagTable({ links }: { readonly links: readonly LinkNow[] }) {
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">from</th>
            <th scope="col">to</th>
            <th scope="col">state</th>
            <th scope="col">behind</th>
            <th scope="col">messages</th>
            <th scope="col">round trip</th>
          </tr>
        </thead>
        <tbody>
          {links.flatMap(({ ways, roundTripMs, health }) =>
            ways.map(({ from, to, following, messages, behindMs, reason }) => (
              <tr key={`${from} ${to}`} data-way={`${from} ${to}`}>
                <th scope="row">{from}</th>
                <td>{to}</td>
                <td>{following === true && health !== 'cut' ? 'followed' : (reason ?? 'cut')}</td>
                <td class="number">{behindMs === null ? '?' : span(behindMs)}</td>
                <td class="number">{messages ?? '?'}</td>
                <td class="number">{roundTripMs} ms</td>
              </tr>
            )),
          )}
        </tbody>
      </table>
    </div>
  );
}
