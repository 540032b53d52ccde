import { useEffect, useState } from 'preact/hooks';
import type { Hello, KeyStory, StoryRegion } from '../src/api.ts';
import { size, span } from './format.ts';
import { KeyEvents } from './key-events.tsx';
import { KeyLanes } from './key-lanes.tsx';
import { act, askKey } from './live.ts';

const AGAIN_MS = 1_500;

/** One key in every region, and its history. */
export function KeyPanel({
  hello,
  chosen,
  onChoose,
}: {
  readonly hello: Hello;
  readonly chosen: string;
  readonly onChoose: (key: string) => void;
}) {
  const [text, setText] = useState(chosen);
  const { story, problem } = useStory(chosen);
  useEffect(() => setText(chosen), [chosen]);
  return (
    <section id="key-panel" class="panel" aria-labelledby="key-title">
      <h2 id="key-title">One key</h2>
      <form
        class="ask"
        onSubmit={(event) => {
          event.preventDefault();
          onChoose(text.trim());
        }}
      >
        <label for="key">Key</label>
        <input
          id="key"
          value={text}
          placeholder="keyspace:part:part"
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button type="submit">Show</button>
        {hello.actions && chosen !== '' && <InvalidateButton key={chosen} chosen={chosen} />}
      </form>
      {problem && (
        <p class="why" role="alert">
          {problem}
        </p>
      )}
      {!story && !problem && (
        <p class="quiet">
          {chosen === ''
            ? 'Choose a key above, or among the events and the hot keys: where it is cached, who gets it, and how its last write travelled.'
            : 'Asking …'}
        </p>
      )}
      {story && <Story story={story} hello={hello} />}
    </section>
  );
}

function Story({ story, hello }: { readonly story: KeyStory; readonly hello: Hello }) {
  return (
    <>
      <p>
        <b class="key">{story.key}</b>{' '}
        {story.newest === null
          ? `the source can't be asked: ${story.sourceReason}`
          : `is at version ${story.newest}${story.deleted ? ', deleted' : ''}`}
      </p>
      <div class="story">
        <KeyLanes story={story} regions={hello.regions} />
        <RegionTable regions={story.regions} />
      </div>
      <KeyEvents story={story} />
    </>
  );
}

/** Asks again and again while a key is chosen. */
function useStory(key: string): { readonly story: KeyStory | null; readonly problem: string | null } {
  const [state, setState] = useState<{ readonly story: KeyStory | null; readonly problem: string | null }>({
    story: null,
    problem: null,
  });
  useEffect(() => {
    setState({ story: null, problem: null });
    if (key === '') return;
    const ending = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async (): Promise<void> => {
      try {
        const story = await askKey(key, ending.signal);
        setState({ story, problem: null });
      } catch (error) {
        if (ending.signal.aborted) return;
        const problem = error instanceof Error ? error.message : String(error);
        setState((before) => ({ ...before, problem }));
      }
      if (!ending.signal.aborted) timer = setTimeout(() => void ask(), AGAIN_MS);
    };
    void ask();
    return () => {
      ending.abort();
      clearTimeout(timer);
    };
  }, [key]);
  return state;
}

function InvalidateButton({ chosen }: { readonly chosen: string }) {
  const [said, setSaid] = useState('');
  const [busy, setBusy] = useState(false);
  const press = async (): Promise<void> => {
    setBusy(true);
    try {
      const { applied } = await act('invalidate', { key: chosen });
      setSaid(
        applied
          .map(({ region, applied: done, ms, reason }) =>
            done ? `${region} after ${span(ms ?? 0)}` : `${region} not yet: ${reason}`,
          )
          .join(', '),
      );
    } catch (error) {
      setSaid(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <button type="button" class="danger" disabled={busy} onClick={() => void press()}>
        Invalidate everywhere
      </button>
      <span role="status">{said}</span>
    </>
  );
}

function RegionTable({ regions }: { readonly regions: readonly StoryRegion[] }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="The key in each region">
      <table class="key-regions">
        <thead>
          <tr>
            <th scope="col">region</th>
            <th scope="col">tidemark</th>
            <th scope="col">cached</th>
            <th scope="col">age</th>
            <th scope="col">in L1s</th>
            <th scope="col">reads that the store answers</th>
          </tr>
        </thead>
        <tbody>
          {regions.map((each) => (
            <tr key={each.region} data-key-region={each.region}>
              <th scope="row">{each.region}</th>
              {each.reachable ? (
                <>
                  <td data-fact="tidemark">{each.tidemark ?? '–'}</td>
                  <td data-fact="value">
                    {each.value ?? '–'}
                    {each.bytes !== null && <span class="quiet"> {size(each.bytes)}</span>}
                  </td>
                  <td>{each.ageMs === null ? '–' : span(each.ageMs)}</td>
                  <td data-fact="l1">{each.l1 ? `${each.l1.held} of ${each.l1.nodes}` : '?'}</td>
                  <td>
                    <ul class="serves">
                      {each.serves.map(({ level, served, text }) => (
                        <li key={level} class={served ? 'yes' : 'no'} title={text}>
                          {level}: {served ? 'served' : 'not'}
                        </li>
                      ))}
                    </ul>
                  </td>
                </>
              ) : (
                <td colSpan={5} class="away">
                  {each.reason}
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
