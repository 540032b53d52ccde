import type { Now } from '../src/api.ts';
import { count, nines, percent } from './format.ts';

/** What a verifier has checked. */
export function TrustPanel({ now }: { readonly now: Now }) {
  return (
    <section class="panel trust" aria-labelledby="trust-title">
      <h2 id="trust-title">Verifier</h2>
      {now.verified === null ? (
        <p class="quiet">Not running. It asks every tier as a client would, and counts who was consistent.</p>
      ) : (
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
            {now.verified.map(({ age, checked, consistent }) => (
              <tr key={age}>
                <th scope="row">{age}</th>
                <td class="number">{nines(consistent, checked)}</td>
                <td class="number">{checked === 0 ? '–' : percent(consistent / checked)}</td>
                <td class="number">{count(checked)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
