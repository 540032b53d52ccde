import type { Now, WarmNow } from '../src/api.ts';
import { count, percent } from './format.ts';

/** How much of what each region is known to read it has. */
export function WarmPanel({ now }: { readonly now: Now }) {
  return (
    <section class="panel" aria-labelledby="warm-title">
      <h2 id="warm-title">Warm-up</h2>
      {now.regions.map(({ region }) => (
        <Warm key={region} region={region} warm={now.warm.find((each) => each.region === region) ?? null} />
      ))}
    </section>
  );
}

function Warm({ region, warm }: { readonly region: string; readonly warm: WarmNow | null }) {
  const share = warm?.share ?? null;
  return (
    <div class="warm" data-warm={region}>
      <p>
        <b>{region}</b>{' '}
        {warm === null ? "store can't be asked" : share === null ? UNKNOWN : `warm: ${percent(share)}`}
      </p>
      {warm && share !== null && (
        <>
          <progress value={share} max={1} aria-label={`${region} warm`} />
          <p class="hint">
            of the reads it is known to get; {count(warm.cold)} of its {count(warm.keys)} hottest keys are
            cold
          </p>
        </>
      )}
    </div>
  );
}

const UNKNOWN = 'unknown: no node has reported yet what it reads';
