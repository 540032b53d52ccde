import type { WarmProgress, WarmReport } from '@tidemark/warmup';
import cliProgress from 'cli-progress';

const LINE_MS = 2_000;

/** Where a warm-up shows how it goes. */
export interface WarmScreen {
  update(progress: WarmProgress): void;
  say(text: string, event: Readonly<Record<string, unknown>>): void;
  end(report: WarmReport): void;
}

/** Lines of JSON on stdout. */
export function jsonScreen(out: NodeJS.WritableStream): WarmScreen {
  const line = (type: string, data: object): void => void out.write(`${JSON.stringify({ type, ...data })}\n`);
  const due = every(LINE_MS / 2);
  return {
    update: (progress) => {
      if (due()) line('progress', progress);
    },
    say: (_, event) => void out.write(`${JSON.stringify(event)}\n`),
    end: (report) => line('report', report),
  };
}

/** A bar on a terminal, else a line now and then. */
export function textScreen(out: NodeJS.WriteStream): WarmScreen {
  const bar = out.isTTY
    ? new cliProgress.SingleBar({
        stream: out,
        format: '{bar} {percentage}% | {value}/{total} keys | {rate}/s | ETA {left} | {text}',
        hideCursor: true,
      })
    : null;
  const due = every(LINE_MS);
  let started = false;
  return {
    update(progress) {
      const { keys, keysNow, keysKnown, tookMs } = progress;
      const rate = Math.round((1_000 * keysNow) / Math.max(1, tookMs));
      const left = `${Math.ceil((keysKnown - keys) / Math.max(1, rate))} s`;
      if (bar) {
        if (!started) bar.start(keysKnown, keys, { rate, left, text: '' });
        bar.update(keys, { rate, left, text: summary(progress) });
      } else if (due())
        out.write(`${keys}/${keysKnown} keys, ${rate}/s, ${left} left, ${summary(progress)}\n`);
      started = true;
    },
    say(text) {
      out.write(`${bar && started ? '\n' : ''}${text}\n`);
    },
    end(report) {
      if (started) bar?.stop();
      out.write(
        `${report.outcome}: ${report.keys}/${report.keysKnown} keys in ${seconds(report.tookMs)}, ${summary(report)}\n`,
      );
    },
  };
}

function summary({ filled, there, refused, coverage, hitRate, speed }: WarmProgress): string {
  const left = Object.entries(refused).map(([why, count]) => `${count} ${why}`);
  return [
    `${filled} filled`,
    `${there} there`,
    ...(left.length > 0 ? [`left: ${left.join(', ')}`] : []),
    `coverage ${percent(coverage)}`,
    ...(hitRate === null ? [] : [`hit rate ${percent(hitRate)}`]),
    ...(speed === 1 ? [] : [`slowed to ${percent(speed)} for live traffic`]),
  ].join(', ');
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

/** True at first, then once in so many ms. */
function every(ms: number): () => boolean {
  let lastMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = performance.now();
    if (nowMs - lastMs < ms) return false;
    lastMs = nowMs;
    return true;
  };
}
