import type { KeyStory } from '../src/api.ts';
import { clock, span } from './format.ts';

const SHOWN = 50;

/** The history as a list, the latest first. */
export function KeyEvents({ story }: { readonly story: KeyStory }) {
  const events = story.events.slice(-SHOWN).toReversed();
  const writtenMs = new Map(
    story.events.filter(({ kind }) => WRITES.has(kind)).map(({ version, atMs }) => [version, atMs]),
  );
  return (
    <div>
      <h3 id="history-title">History</h3>
      {!story.whole && <p class="why">Not all of the streams could be searched.</p>}
      {/* Scrolls by itself, so it can be reached by the keyboard. */}
      <div class="scroll tall" tabIndex={0} role="region" aria-labelledby="history-title">
        <table class="events">
          <thead>
            <tr>
              <th scope="col">time</th>
              <th scope="col">after the write</th>
              <th scope="col">where</th>
              <th scope="col">what</th>
              <th scope="col">version</th>
              <th scope="col">trace</th>
            </tr>
          </thead>
          <tbody>
            {events.map((event, i) => (
              <tr key={i} data-kind={event.kind} data-at={event.region ?? 'source'}>
                <td class="number">{clock(event.atMs)}</td>
                <td class="number">{afterWrite(event.atMs, writtenMs.get(event.version))}</td>
                <td>
                  {event.region ?? 'source'}
                  {event.node && <span class="quiet"> {event.node}</span>}
                </td>
                <td>{event.text}</td>
                <td class="number">{event.version}</td>
                <td class="quiet">{event.traceId?.slice(0, 8)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

const WRITES = new Set(['written', 'deleted', 'rolled-back']);

function afterWrite(atMs: number, writtenMs: number | undefined): string {
  return writtenMs === undefined ? '' : `+${span(Math.max(0, atMs - writtenMs))}`;
}
