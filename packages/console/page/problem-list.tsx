import type { Now, Problem } from '../src/api.ts';
import { clock, span } from './format.ts';
import { Mark } from './mark.tsx';

const HEALTH = { error: 'cut', warning: 'late', note: 'good' } as const;

/** What is wrong, since when, and what to do. */
export function ProblemList({ now }: { readonly now: Now }) {
  const open = now.problems.filter(({ severity }) => severity !== 'note');
  const notes = now.problems.filter(({ severity }) => severity === 'note');
  if (open.length + notes.length + now.past.length === 0) return null;
  return (
    <section class={`panel problems ${open.length === 0 ? 'calm' : ''}`} aria-labelledby="problems-title">
      <h2 id="problems-title">{open.length === 0 ? 'Nothing needs you' : 'What is wrong, and what to do'}</h2>
      {open.length > 0 && (
        <ul class="problem-list">
          {open.map((each) => (
            <ProblemItem key={`${each.code} ${each.region} ${each.text}`} problem={each} atMs={now.atMs} />
          ))}
        </ul>
      )}
      {now.past.length > 0 && (
        <details>
          <summary>Earlier: {now.past.length} that are over</summary>
          <ul class="past">
            {now.past.map(({ code, region, text, sinceMs, untilMs }) => (
              <li key={`${code} ${region} ${sinceMs}`}>
                <time>{clock(sinceMs)}</time> for {span(untilMs - sinceMs)}: <b>{region ?? 'mesh'}</b> {text}
              </li>
            ))}
          </ul>
        </details>
      )}
      {notes.length > 0 && (
        <details>
          <summary>Notes: {notes.length}</summary>
          <ul class="past">
            {notes.map(({ region, text, mend }) => (
              <li key={`${region} ${text}`}>
                <b>{region ?? 'mesh'}</b> {text}: {mend}
              </li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}

function ProblemItem({ problem, atMs }: { readonly problem: Problem; readonly atMs: number }) {
  const { severity, region, text, mend, sinceMs, code } = problem;
  return (
    <li class={`problem severity-${severity}`}>
      <Mark health={HEALTH[severity]} />
      <div>
        <p>
          <b>{region ?? 'mesh'}</b> <span class="code">{code}</span> {text}
        </p>
        <p class="mend">
          <b>Do:</b> {mend}
        </p>
      </div>
      <p class="since">
        since {clock(sinceMs)}
        <br />
        {span(atMs - sinceMs)}
      </p>
    </li>
  );
}
