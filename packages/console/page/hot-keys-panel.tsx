import type { Hello } from '../src/api.ts';
import { count } from './format.ts';
import { regionClass } from './region-colour.ts';

const SHOWN = 10;

/** What is read most lately, and where. */
export function HotKeysPanel({
  hello,
  onKey,
}: {
  readonly hello: Hello;
  readonly onKey: (key: string) => void;
}) {
  const keys = hello.now.hotKeys.slice(0, SHOWN);
  const most = Math.max(1, ...keys.map(({ reads }) => reads));
  return (
    <section class="panel hot-keys" aria-labelledby="hot-title">
      <h2 id="hot-title">Hot keys</h2>
      {keys.length === 0 ? (
        <p class="quiet">No node has said yet what it reads.</p>
      ) : (
        <div class="scroll">
          <table class="hot">
            <thead>
              <tr>
                <th scope="col">key</th>
                <th scope="col" class="number">
                  reads lately
                </th>
                <th scope="col">where</th>
              </tr>
            </thead>
            <tbody>
              {keys.map(({ key, reads, byRegion }) => (
                <tr key={key}>
                  <th scope="row">
                    <button type="button" class="key" onClick={() => onKey(key)}>
                      {key}
                    </button>
                  </th>
                  <td class="number">{count(reads)}</td>
                  <td>
                    <svg
                      width="100%"
                      height={12}
                      role="img"
                      aria-label={byRegion.map((each, i) => `${hello.regions[i]} ${each}`).join(', ')}
                    >
                      {byRegion.map((each, i) => (
                        <rect
                          key={i}
                          class={`bar ${regionClass(i)}`}
                          x={share(byRegion.slice(0, i), most)}
                          width={share([each], most)}
                          height={12}
                        />
                      ))}
                    </svg>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function share(values: readonly number[], most: number): string {
  return `${((100 * values.reduce((sum, each) => sum + each, 0)) / most).toFixed(1)}%`;
}
