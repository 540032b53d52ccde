import type { Verified } from '../src/api.ts';
import { count, nines, percent, span } from './format.ts';

/** What a verifier has checked, and found. */
export function TrustPanel({
  verified,
  onKey,
}: {
  readonly verified: Verified | null;
  readonly onKey: (key: string) => void;
}) {
  return (
    <section class="panel trust" aria-labelledby="trust-title">
      <h2 id="trust-title">Verifier</h2>
      {verified === null ? (
        <p class="quiet">Not running. It asks every tier as a client would, and counts what it finds.</p>
      ) : (
        <>
          <Ages verified={verified} />
          {verified.findings === 0 ? (
            <p class="hint">No findings.</p>
          ) : (
            <p class="why">
              {count(verified.findings)} {verified.findings === 1 ? 'finding' : 'findings'}, the last of them:
            </p>
          )}
          <ul>
            {verified.latest.map(({ kind, region, key, text }) => (
              <li key={`${kind} ${region} ${key}`} class="finding">
                <span class="code">{kind}</span> {region}{' '}
                <button type="button" class="key" onClick={() => onKey(key)}>
                  {key}
                </button>{' '}
                {text}
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

function Ages({ verified: { ages } }: { readonly verified: Verified }) {
  const silent = ages.reduce((sum, { notAsked }) => sum + notAsked, 0);
  return (
    <>
      <table>
        <thead>
          <tr>
            <th scope="col">within</th>
            <th scope="col" class="number">
              nines
            </th>
            <th scope="col" class="number">
              consistent
            </th>
            <th scope="col" class="number">
              checked
            </th>
          </tr>
        </thead>
        <tbody>
          {ages.map(({ ageMs, checked, consistent }) => (
            <tr key={ageMs}>
              <th scope="row">{span(ageMs)}</th>
              <td class="number">{nines(consistent, checked)}</td>
              <td class="number">{checked === 0 ? '–' : percent(consistent / checked)}</td>
              <td class="number">{count(checked)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {silent > 0 && <p class="hint">{count(silent)} checks found nobody to ask: they count as neither.</p>}
    </>
  );
}
