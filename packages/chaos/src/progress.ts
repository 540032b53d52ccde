import pc from 'picocolors';
import type { Fleet } from './fleet.ts';

const REDRAW_MS = 250;
const LINE_MS = 5_000;

/** Where a run shows how it goes. */
export interface Progress {
  /** One line about something that happened. */
  say(line: string): void;
  stop(): void;
}

/** One line that is redrawn on a terminal, else a plain line now and then; never on standard output. */
export function showProgress(fleet: Fleet, totalMs: number): Progress {
  const out = process.stderr;
  const live = out.isTTY === true;
  const update = live ? (text: string) => void out.write(`\r\u001b[2K${text}`) : null;
  const beganMs = performance.now();
  const draw = (): void => {
    const seconds = (performance.now() - beganMs) / 1_000;
    const { reads, writes, refused } = fleet.totals();
    const bounds = fleet.nodes.map(({ boundMs }) => (boundMs === null ? 'none' : Math.round(boundMs)));
    const line =
      `${seconds.toFixed(0)} of ${(totalMs / 1_000).toFixed(0)} s  ${reads} reads  ${writes} writes  ` +
      `${refused} refused  proven to be at most ${bounds.join(', ')} ms old`;
    if (update) update(pc.dim(line));
    else out.write(`${line}\n`);
  };
  const timer = setInterval(draw, live ? REDRAW_MS : LINE_MS);
  return {
    say(line) {
      update?.('');
      out.write(`${line}\n`);
    },
    stop() {
      clearInterval(timer);
      update?.('');
    },
  };
}
