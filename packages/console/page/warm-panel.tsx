import type { Now } from '../src/api.ts';
import { count, percent } from './format.ts';

/** How much of what each region is known to read it has. */
export function WarmPanel({ now }: { readonly now: Now }) {
  return (
    <section class="panel quarter" aria-labelledby="warm-title">
      <h2 id="warm-title">Warm-up</h2>
      {now.warm.length === 0 && <p class="quiet">No store has been asked yet.</p>}
      {now.warm.map(({ region, share, keys, cold }) => (
        <div key={region} class="warm" data-warm={region}>
          <p>
            <b>{region}</b>{' '}
            {share === null ? 'unknown: no node has reported what it reads' : `warm: ${percent(share)}`}
          </p>
          {share !== null && (
            <>
              <progress value={share} max={1} aria-label={`${region} warm`} />
              <p class="hint">
                of the reads it is known to get; {count(cold)} of its {count(keys)} hottest keys are cold
              </p>
            </>
          )}
        </div>
      ))}
    </section>
  );
}
