import { useEffect, useState } from 'preact/hooks';
import type { Done, Failure, FlowEvent, Hello, KeyStory, Sample, Tick } from '../src/api.ts';

const FLOW_MAX = 200;
const RETRY_MS = 2_000;

export type Link =
  | { readonly state: 'connecting' | 'live' }
  /** Since when what is shown gets old. */
  | { readonly state: 'lost'; readonly sinceMs: number }
  | { readonly state: 'refused'; readonly message: string };

/** All that the page shows. */
export interface Live {
  readonly link: Link;
  readonly hello: Hello | null;
  readonly history: readonly Sample[];
  /** The latest first. */
  readonly flow: readonly FlowEvent[];
}

const NOTHING: Live = { link: { state: 'connecting' }, hello: null, history: [], flow: [] };

/** Follows the server; comes back by itself when it is lost. */
export function useLive(): Live {
  const [live, setLive] = useState(NOTHING);
  useEffect(() => {
    const ending = new AbortController();
    void follow(setLive, ending.signal);
    return () => ending.abort();
  }, []);
  return live;
}

type SetLive = (change: (before: Live) => Live) => void;

async function follow(setLive: SetLive, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await openSession();
      await listen(setLive, signal);
      setLive(lost);
    } catch (error) {
      if (error instanceof Refused) {
        const { message } = error;
        setLive((before) => ({ ...before, link: { state: 'refused', message } }));
      } else setLive(lost);
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

function lost(before: Live): Live {
  if (before.link.state === 'lost') return before;
  return { ...before, link: { state: 'lost', sinceMs: Date.now() } };
}

class Refused extends Error {}

/** The token of the printed address becomes a cookie that no script can read, and leaves the address bar. */
async function openSession(): Promise<void> {
  const token = /^#token=([\w-]+)$/.exec(location.hash)?.[1];
  if (token === undefined) return;
  const answer = await fetch('/api/session', {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  });
  if (!answer.ok) throw new Refused(await whyNot(answer));
  history.replaceState(null, '', location.pathname);
}

/** Resolves when the stream ended. */
function listen(setLive: SetLive, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const source = new EventSource('/api/stream');
    const end = (): void => {
      source.close();
      resolve();
    };
    signal.addEventListener('abort', end, { once: true });
    source.addEventListener('hello', ({ data }) => {
      const hello = JSON.parse(data as string) as Hello;
      setLive(() => ({
        link: { state: 'live' },
        hello,
        history: hello.history,
        flow: hello.flow.toReversed(),
      }));
    });
    source.addEventListener('tick', ({ data }) => {
      setLive((before) => withTick(before, JSON.parse(data as string) as Tick));
    });
    source.addEventListener('error', () => {
      source.close();
      signal.removeEventListener('abort', end);
      // A browser does not tell why: an empty question does.
      fetch('/api/key?key=').then(
        async (answer) => (answer.status === 401 ? reject(new Refused(await whyNot(answer))) : resolve()),
        () => resolve(),
      );
    });
  });
}

function withTick(before: Live, { sample, flow, now }: Tick): Live {
  if (!before.hello) return before;
  const fromMs = sample.atMs - before.hello.historyMs;
  return {
    link: { state: 'live' },
    hello: { ...before.hello, now },
    history: [...before.history.filter(({ atMs }) => atMs >= fromMs), sample],
    flow: [...flow.toReversed(), ...before.flow].slice(0, FLOW_MAX),
  };
}

async function whyNot(answer: Response): Promise<string> {
  const failure = (await answer.json().catch(() => null)) as Failure | null;
  return failure?.error.message ?? `the console answered ${answer.status}`;
}

/** @throws Error with the server's own words */
export async function askKey(key: string, signal: AbortSignal): Promise<KeyStory> {
  const answer = await fetch(`/api/key?key=${encodeURIComponent(key)}`, { signal });
  if (!answer.ok) throw new Error(await whyNot(answer));
  return (await answer.json()) as KeyStory;
}

/** @throws Error with the server's own words */
export async function act(
  what: 'cut' | 'heal' | 'invalidate',
  fields: Readonly<Record<string, string>>,
): Promise<Done> {
  const answer = await fetch(`/api/${what}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(fields),
  });
  if (!answer.ok) throw new Error(await whyNot(answer));
  return (await answer.json()) as Done;
}
