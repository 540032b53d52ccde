import type { Hello } from '../src/api.ts';
import { clock, span } from './format.ts';
import { Mark } from './mark.tsx';
import type { Link } from './live.ts';

interface Shown {
  readonly mood: 'good' | 'cut' | 'unknown';
  readonly headline: string;
  readonly detail: string;
  readonly announcement: string;
}

/** The first line: coherent, or what is wrong and since when. Never green while nobody answers. */
export function VerdictBanner({ link, hello }: { readonly link: Link; readonly hello: Hello | null }) {
  const { mood, headline, detail, announcement } = shownOf(link, hello);
  return (
    <section id="verdict" tabIndex={-1} class={`verdict mood-${mood}`} aria-labelledby="headline">
      <Mark health={mood === 'unknown' ? 'late' : mood} size={34} />
      <div>
        <h2 id="headline">{headline}</h2>
        <p>{detail}</p>
      </div>
      {/* Numbers above move every second; a screen reader is told of changes of the state only. */}
      <p class="visually-hidden" role="status">
        {announcement}
      </p>
    </section>
  );
}

function shownOf(link: Link, hello: Hello | null): Shown {
  if (link.state === 'refused') {
    const said = { headline: 'This console does not know this browser', detail: link.message };
    return { mood: 'unknown', ...said, announcement: `${said.headline}: ${said.detail}.` };
  }
  if (link.state === 'lost') {
    return {
      mood: 'unknown',
      headline: 'Not connected: nothing is known any more',
      detail: `The console does not answer since ${clock(link.sinceMs)}; what is below is of then. It is asked again every two seconds.`,
      announcement: 'Not connected to the console.',
    };
  }
  if (!hello) return { mood: 'unknown', headline: 'Connecting …', detail: '', announcement: '' };
  const { verdict, atMs, lookedAtMs } = hello.now;
  const looked = lookedAtMs === null ? '' : ` Servers asked ${span(Math.max(0, atMs - lookedAtMs))} ago.`;
  return {
    mood: verdict.state === 'coherent' ? 'good' : verdict.state === 'unproven' ? 'cut' : 'unknown',
    headline: verdict.headline,
    detail: `Since ${clock(verdict.sinceMs)}, for ${span(atMs - verdict.sinceMs)}.${looked}`,
    announcement: verdict.announcement,
  };
}
