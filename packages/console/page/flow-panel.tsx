import { useState } from 'preact/hooks';
import type { FlowEvent, Hello, Sample } from '../src/api.ts';
import { clock, count } from './format.ts';
import { regionClass } from './region-colour.ts';
import { useSize } from './use-size.ts';

const SHOWN = 10;
const SECONDS = 120;
const HEIGHT = 64;

const WORDS: Readonly<Record<FlowEvent['type'], string>> = {
  bump: 'written',
  change: 'relayed',
  update: 'written, value sent',
  away: 'away',
  gap: 'gap',
  unreadable: 'unreadable',
};

/** What goes over the streams. */
export function FlowPanel({
  hello,
  history,
  flow,
  onKey,
}: {
  readonly hello: Hello;
  readonly history: readonly Sample[];
  readonly flow: readonly FlowEvent[];
  readonly onKey: (key: string) => void;
}) {
  const [held, setHeld] = useState<readonly FlowEvent[] | null>(null);
  const shown = (held ?? flow).slice(0, SHOWN);
  return (
    <section class="panel flow" aria-labelledby="flow-title">
      <h2 id="flow-title">Event flow</h2>
      <button
        type="button"
        class="corner"
        aria-pressed={held !== null}
        onClick={() => setHeld(held ? null : flow)}
      >
        {held ? 'Go on' : 'Hold still'}
      </button>
      <Bars history={history.slice(-SECONDS)} />
      {shown.length === 0 && <p class="quiet">Nothing was written since this console looks.</p>}
      <div class="scroll">
        <table class="events">
          <caption class="visually-hidden">The latest events</caption>
          <tbody>
            {shown.map((event) => (
              <tr key={event.id}>
                <td class="number">{clock(event.atMs)}</td>
                <td>
                  <span
                    class={`swatch ${regionClass(hello.regions.indexOf(event.region))}`}
                    aria-hidden="true"
                  />
                  {event.region}
                </td>
                <td>{WORDS[event.type]}</td>
                <td>
                  {event.key === null ? (
                    event.reason
                  ) : (
                    <button type="button" class="key" onClick={() => onKey(event.key!)}>
                      {event.key}
                    </button>
                  )}
                </td>
                <td class="number quiet">{event.version}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

/** Events a second, stacked by region. */
function Bars({ history }: { readonly history: readonly Sample[] }) {
  const [ref, { width }] = useSize<HTMLDivElement>();
  const sums = history.map(({ changes }) => changes.reduce((sum, each) => sum + each, 0));
  const most = Math.max(1, ...sums);
  const step = width / SECONDS;
  const total = sums.reduce((sum, each) => sum + each, 0);
  return (
    <div ref={ref} class="drawing">
      <svg
        width={width}
        height={HEIGHT}
        role="img"
        aria-label={`Events a second: ${sums.at(-1) ?? 0} now, ${most} at most, ${total} in the last ${SECONDS} seconds`}
      >
        {history.map(({ atMs, changes }, at) => {
          let below = 0;
          return changes.map((value, i) => {
            if (value === 0) return null;
            const height = (value / most) * (HEIGHT - 4);
            const y = HEIGHT - below - height;
            below += height;
            return (
              <rect
                key={`${atMs} ${i}`}
                class={`bar ${regionClass(i)}`}
                x={((SECONDS - history.length + at) * step).toFixed(1)}
                y={y.toFixed(1)}
                width={Math.max(1, step - 1).toFixed(1)}
                height={height.toFixed(1)}
              />
            );
          });
        })}
      </svg>
      <p class="hint">
        {count(sums.at(-1) ?? 0)} events in the last second, {count(most)} at most, over two minutes
      </p>
    </div>
  );
}
