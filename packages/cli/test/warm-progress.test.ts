import { PassThrough } from 'node:stream';
import type { WarmProgress, WarmReport } from '@tidemark/warmup';
import { expect, it } from 'vitest';
import { jsonScreen, textScreen } from '../src/warm-progress.ts';

const progress: WarmProgress = {
  keys: 500,
  keysNow: 500,
  keysKnown: 2_000,
  filled: 480,
  there: 10,
  refused: { 'below-tidemark': 7, absent: 3 },
  bytes: 9_000,
  reads: 100,
  readsCovered: 80,
  tookMs: 1_000,
  coverage: 0.245,
  hitRate: 0.8,
  speed: 0.5,
};
const report: WarmReport = { ...progress, outcome: 'deadline', away: ['peer:us'] };

function said(isTTY: boolean): { out: NodeJS.WriteStream; text: () => string } {
  const stream = Object.assign(new PassThrough(), {
    isTTY,
    columns: 200,
    cursorTo: () => true,
    moveCursor: () => true,
    clearLine: () => true,
  });
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { out: stream as unknown as NodeJS.WriteStream, text: () => text };
}

const SUMMARY =
  '480 filled, 10 there, left: 7 below-tidemark, 3 absent, coverage 24.5 %, hit rate 80.0 %, slowed to 50.0 % for live traffic';

it('on a terminal shows a bar with rate, time left, coverage and what was refused', async () => {
  const { out, text } = said(true);
  const screen = textScreen(out);
  screen.update(progress);
  screen.update({ ...progress, keys: 501 });
  screen.end(report);
  await expect.poll(text).toContain('deadline: 500/2000 keys in 1.0 s');
  expect(text()).toMatch(/█|=/);
  expect(text()).toContain('500/2000 keys | 500/s | ETA 3 s');
  expect(text()).toContain(SUMMARY);
});

it('elsewhere says plain lines, now and then', async () => {
  const { out, text } = said(false);
  const screen = textScreen(out);
  for (let i = 0; i < 10; i += 1) screen.update(progress);
  screen.say('peer:us is away', { type: 'away' });
  screen.end(report);
  await expect.poll(text).toContain('deadline');
  expect(text().trimEnd().split('\n')).toEqual([
    `500/2000 keys, 500/s, 3 s left, ${SUMMARY}`,
    'peer:us is away',
    `deadline: 500/2000 keys in 1.0 s, ${SUMMARY}`,
  ]);
});

it('as JSON says one event a line', async () => {
  const { out, text } = said(false);
  const screen = jsonScreen(out);
  screen.say('listing keys', { type: 'listing' });
  for (let i = 0; i < 10; i += 1) screen.update(progress);
  screen.end(report);
  await expect.poll(text).toContain('report');
  const events = text()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string });
  expect(events).toEqual([
    { type: 'listing' },
    { type: 'progress', ...progress },
    { type: 'report', ...report },
  ]);
});
