import type { Hello } from '../src/api.ts';
import { clock } from './format.ts';
import type { Link } from './live.ts';

/** What is looked at, and whether what is shown is live. */
export function Header({ link, hello }: { readonly link: Link; readonly hello: Hello | null }) {
  return (
    <header class="top">
      <h1>
        Tidemark <span class="of">console</span>
      </h1>
      {hello && (
        <p class="source">
          <b>{hello.source}</b>
          {hello.now.relay && <> · relay in {hello.now.relay.region}</>}
          {hello.now.truth && <> · {hello.now.truth.reachable ? hello.now.truth.text : 'source away'}</>}
        </p>
      )}
      <p class="mode">
        {hello && <span class="badge">{modeOf(hello)}</span>}
        <span class={`badge live-${link.state}`}>
          {link.state === 'live' && hello ? `live · ${clock(hello.now.atMs)}` : WORDS[link.state]}
        </span>
      </p>
    </header>
  );
}

const WORDS: Readonly<Record<Link['state'], string>> = {
  connecting: 'connecting …',
  live: 'live',
  lost: 'not connected',
  refused: 'refused',
};

function modeOf({ actions, cuts }: Hello): string {
  if (cuts) return actions ? 'demo, actions allowed' : 'demo';
  return actions ? 'actions allowed' : 'read-only';
}
