import { useState } from 'preact/hooks';
import { BoundChart, HitRateChart } from './charts.tsx';
import { FlowPanel } from './flow-panel.tsx';
import { Header } from './header.tsx';
import { HotKeysPanel } from './hot-keys-panel.tsx';
import { KeyPanel } from './key-panel.tsx';
import { useLive } from './live.ts';
import { ProblemList } from './problem-list.tsx';
import { RegionCards } from './region-cards.tsx';
import { TrustPanel } from './trust-panel.tsx';
import { VerdictBanner } from './verdict-banner.tsx';
import { WarmPanel } from './warm-panel.tsx';
import { WorldMap } from './world-map.tsx';

export function App() {
  const { link, hello, history, flow } = useLive();
  const [key, setKey] = useState('');
  const show = (chosen: string): void => {
    setKey(chosen);
    document.querySelector('#key-panel')?.scrollIntoView({ block: 'start' });
  };
  return (
    <>
      <a class="skip" href="#verdict">
        Skip to the verdict
      </a>
      <Header link={link} hello={hello} />
      <main>
        <VerdictBanner link={link} hello={hello} />
        {hello && (
          <>
            <ProblemList now={hello.now} />
            <WorldMap hello={hello} />
            <RegionCards hello={hello} latest={history.at(-1) ?? null} />
            <BoundChart hello={hello} history={history} />
            <HitRateChart hello={hello} history={history} />
            <FlowPanel hello={hello} history={history} flow={flow} onKey={show} />
            <HotKeysPanel hello={hello} onKey={show} />
            <div class="stack">
              <TrustPanel verified={hello.now.verified} onKey={show} />
              <WarmPanel now={hello.now} />
            </div>
            <KeyPanel hello={hello} chosen={key} onChoose={setKey} />
          </>
        )}
      </main>
    </>
  );
}
