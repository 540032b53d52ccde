import { useState } from 'preact/hooks';
import type { Health, Hello, NodesNow, RegionNow, Sample, ServerNow } from '../src/api.ts';
import { count, percent, rate, size, span } from './format.ts';
import { act } from './live.ts';
import { Mark } from './mark.tsx';
import { regionClass } from './region-colour.ts';

const WORDS: Readonly<Record<Health, string>> = {
  good: 'proven',
  late: 'proves nothing fresh',
  cut: "can't be reached",
};

/** Each region in a few lines. */
export function RegionCards({ hello, latest }: { readonly hello: Hello; readonly latest: Sample | null }) {
  const { now, cuts } = hello;
  return (
    <section class="panel regions" aria-labelledby="regions-title">
      <h2 id="regions-title">Regions</h2>
      {now.regions.length === 0 && <p class="quiet">Asking the servers …</p>}
      {now.regions.map((region) => (
        <RegionCard
          key={region.region}
          region={region}
          place={hello.regions.indexOf(region.region)}
          nodes={now.nodes.find((each) => each.region === region.region) ?? null}
          readsPerS={latest?.readsPerS[hello.regions.indexOf(region.region)] ?? null}
          cut={cuts ? now.cutHere.includes(region.region) : null}
        />
      ))}
    </section>
  );
}

function RegionCard({
  region,
  place,
  nodes,
  readsPerS,
  cut,
}: {
  readonly region: RegionNow;
  readonly place: number;
  readonly nodes: NodesNow | null;
  readonly readsPerS: number | null;
  /** Null: there are no buttons. */
  readonly cut: boolean | null;
}) {
  const { region: name, role, health, why, boundMs, backlog, deadLetters, servers, usedBytes } = region;
  return (
    <article class={`card health-${health}`} data-region={name} data-health={health}>
      <h3>
        <Mark health={health} />
        <span class={`swatch ${regionClass(place)}`} aria-hidden="true" />
        {name}
        {role === 'home' && <span class="badge">home</span>}
        <span class="state">{WORDS[health]}</span>
      </h3>
      {why && <p class="why">{why}</p>}
      <dl class="facts">
        <Fact name="proven to" value={boundMs === null ? 'nothing' : span(boundMs)} id="bound" />
        <Fact name="hit rate" value={nodes ? hitRate(nodes) : '?'} id="hits" />
        <Fact
          name="reads"
          value={nodes ? count(nodes.reads) : '?'}
          id="reads"
          more={readsPerS === null ? '' : `${rate(readsPerS)}/s`}
        />
        <Fact name="loads" value={nodes ? count(nodes.loads) : '?'} id="loads" />
        <Fact
          name="backlog"
          value={backlog ? count(backlog.changes) : '?'}
          id="backlog"
          more={
            backlog && backlog.changes > 0 && backlog.oldestAgeMs !== null ? span(backlog.oldestAgeMs) : ''
          }
        />
        <Fact name="dead letters" value={deadLetters === null ? '?' : count(deadLetters)} id="dead-letters" />
      </dl>
      <p class="servers">
        <ServerWord
          name="Redis"
          server={servers.redis}
          extra={usedBytes === null ? '' : `, ${size(usedBytes)}`}
        />
        <ServerWord name="NATS" server={servers.nats} />
        <ServerWord name="Postgres" server={servers.postgres} />
        {nodes && <span>{nodes.nodes === 1 ? '1 node' : `${nodes.nodes} nodes`}</span>}
      </p>
      {cut !== null && <CutButton region={name} cut={cut} />}
    </article>
  );
}

function hitRate({ reads, l1Hits, l2Hits }: NodesNow): string {
  return reads === 0 ? '–' : percent((l1Hits + l2Hits) / reads);
}

function Fact({
  name,
  value,
  id,
  more = '',
}: {
  readonly name: string;
  readonly value: string;
  readonly id: string;
  readonly more?: string;
}) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <span data-fact={id}>{value}</span> {more && <span class="more">{more}</span>}
      </dd>
    </div>
  );
}

function ServerWord({
  name,
  server,
  extra = '',
}: {
  readonly name: string;
  readonly server: ServerNow;
  readonly extra?: string;
}) {
  if (!server.reachable) {
    return (
      <span class="away" title={server.reason ?? ''}>
        {name} away
      </span>
    );
  }
  return (
    <span title={server.address ?? ''}>
      {name} {rate(server.roundTripMs ?? 0)} ms{extra}
    </span>
  );
}

function CutButton({ region, cut }: { readonly region: string; readonly cut: boolean }) {
  const [said, setSaid] = useState('');
  const [busy, setBusy] = useState(false);
  const press = async (): Promise<void> => {
    setBusy(true);
    try {
      setSaid((await act(cut ? 'heal' : 'cut', { region })).text);
    } catch (error) {
      setSaid(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <p class="act">
      <button type="button" class={cut ? 'heal' : 'danger'} disabled={busy} onClick={() => void press()}>
        {cut ? `Heal ${region}` : `Cut ${region} off`}
      </button>
      <span role="status">{said}</span>
    </p>
  );
}
