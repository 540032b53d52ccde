import { scaleSymlog } from 'd3-scale';
import type { KeyStory, StoryEvent } from '../src/api.ts';
import { span } from './format.ts';
import { regionClass } from './region-colour.ts';
import { useSize } from './use-size.ts';

const LANE = 42;
const TOP = 8;
const AXIS = 24;
/** Words that would be nearer than this are left to the list. */
const WORD_WIDTH = 46;
const SIGN_WIDTH = 15;
const TICKS_MS = [0, 10, 100, 1_000, 10_000, 100_000];

/** What an event looks like, and its short word. */
const SIGNS: Readonly<Record<string, { readonly shape: string; readonly word: string }>> = {
  written: { shape: 'M0 -7 7 0 0 7 -7 0Z', word: 'write' },
  deleted: { shape: 'M0 -7 7 0 0 7 -7 0Z', word: 'delete' },
  'rolled-back': { shape: 'M0 -7 7 0 0 7 -7 0Z', word: 'rollback' },
  bumped: { shape: 'M-5 -5H5V5H-5Z', word: 'told' },
  shipped: { shape: 'M-5 -5H5V5H-5Z', word: 'sent' },
  relayed: { shape: 'M-5 -5H5V5H-5Z', word: 'relayed' },
  applied: { shape: 'M-6 -6 7 0 -6 6Z', word: 'apply' },
  cached: { shape: 'M6 0A6 6 0 1 1 -6 0 6 6 0 1 1 6 0', word: 'reload' },
};

/** The last write's way, lane by lane: write, apply, reload. */
export function KeyLanes({
  story,
  regions,
}: {
  readonly story: KeyStory;
  readonly regions: readonly string[];
}) {
  const [ref, { width }] = useSize<HTMLDivElement>();
  const last = firsts(story.events.filter(({ version, kind }) => version === story.newest && kind in SIGNS));
  /** Where the last sign, and the last word, of each lane are. */
  const drawn = new Map<string, number>();
  const told = new Map<string, number>();
  const write = last.find(({ region }) => region === null);
  const lanes = ['source', ...regions];
  const left = Math.min(110, width * 0.25);
  const height = TOP + lanes.length * LANE + AXIS;
  const began = write?.atMs ?? last[0]?.atMs ?? 0;
  const most = Math.max(1_000, ...last.map(({ atMs }) => atMs - began));
  const x = scaleSymlog([0, most], [left + 14, Math.max(left + 15, width - 34)])
    .constant(20)
    .clamp(true);
  const y = (event: StoryEvent): number => TOP + LANE * (lanes.indexOf(event.region ?? 'source') + 0.58);
  return (
    <figure class="lanes">
      <figcaption>How version {story.newest} travelled, since its write</figcaption>
      <div ref={ref} class="drawing">
        {width > 0 && (
          <svg width={width} height={height} role="img" aria-label={describe(last, began)}>
            {lanes.map((name, i) => (
              <g key={name} transform={`translate(0 ${TOP + LANE * i})`}>
                <rect width={width} height={LANE - 4} rx={5} class="lane" />
                <text x={8} y={LANE / 2 + 3} class="lane-name">
                  {name}
                </text>
              </g>
            ))}
            {TICKS_MS.filter((ms) => ms <= most).map((ms) => (
              <g key={ms} transform={`translate(${x(ms).toFixed(1)} 0)`}>
                <path d={`M0 ${TOP}V${height - AXIS}`} class="grid" />
                <text class="tick" text-anchor="middle" y={height - 6}>
                  {ms === 0 ? 'write' : `+${span(ms)}`}
                </text>
              </g>
            ))}
            {last.map((event, i) => {
              const { shape, word } = SIGNS[event.kind]!;
              const lane = event.region ?? 'source';
              // Signs never cover each other: what came later is to the right.
              const at = Math.max(x(Math.max(0, event.atMs - began)), (drawn.get(lane) ?? 0) + SIGN_WIDTH);
              drawn.set(lane, at);
              const isTold = at - (told.get(lane) ?? Number.NEGATIVE_INFINITY) >= WORD_WIDTH;
              if (isTold) told.set(lane, at);
              return (
                <g
                  key={i}
                  transform={`translate(${at.toFixed(1)} ${y(event).toFixed(1)})`}
                  class={`sign ${event.region === null ? 'sign-source' : regionClass(regions.indexOf(event.region))}`}
                >
                  <path d={shape} />
                  {isTold && (
                    <text text-anchor="middle" y={-9} class="sign-word">
                      {word}
                    </text>
                  )}
                </g>
              );
            })}
          </svg>
        )}
      </div>
    </figure>
  );
}

/** The first of each kind in each place: a region has applied a version when its first node has. */
function firsts(events: readonly StoryEvent[]): readonly StoryEvent[] {
  const seen = new Set<string>();
  return events.filter(({ region, kind }) => {
    const name = `${region} ${kind}`;
    return !seen.has(name) && seen.add(name);
  });
}

function describe(events: readonly StoryEvent[], began: number): string {
  if (events.length === 0) return 'Nothing is known of its last write';
  return events
    .map(
      ({ region, text, atMs }) => `${region ?? 'source'}: ${text}, after ${span(Math.max(0, atMs - began))}`,
    )
    .join('; ');
}
