import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it, vi } from 'vitest';
import type { Report } from '../src/report.ts';

const START = join(fileURLToPath(new URL('../', import.meta.url)), 'bin/start.mjs');
const WAIT = { timeout: 60_000, interval: 20 };

/** What the stream of a console says of its regions; the rest is the page's. */
interface Now {
  readonly regions: readonly { readonly region: string; readonly health: string }[];
  readonly cutHere: readonly string[];
  readonly verified: { readonly ages: readonly { readonly checked: number }[]; readonly findings: number };
}

let demo: ChildProcess | null = null;

afterEach(() => demo?.kill('SIGKILL'));

it(
  'npm start -- --console: its buttons cut and heal, a verifier runs, and Ctrl-C brings the report',
  { timeout: 180_000 },
  async () => {
    const child = spawn(process.execPath, [START, '--console', '--readers', '2', '--json'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    demo = child;
    const report = text(child.stdout);
    let said = '';
    createInterface(child.stderr).on('line', (line) => void (said += `${line}\n`));
    const url = await vi.waitFor(() => new URL(/^console: (\S+)$/m.exec(said)![1]!), WAIT);
    const headers = { origin: url.origin, authorization: `Bearer ${url.hash.slice('#token='.length)}` };
    const session = await fetch(new URL('/api/session', url), { method: 'POST', headers });
    const cookie = session.headers.get('set-cookie')!.split(';')[0]!;
    const press = (what: 'cut' | 'heal' | 'invalidate', fields: object): Promise<Response> =>
      fetch(new URL(`/api/${what}`, url), {
        method: 'POST',
        headers: { origin: url.origin, cookie, 'content-type': 'application/json' },
        body: JSON.stringify(fields),
      });
    let now: Now | null = null;
    const stream = await fetch(new URL('/api/stream', url), { headers: { cookie } });
    const following = (async () => {
      for await (const line of createInterface({ input: Readable.fromWeb(stream.body!) })) {
        if (line.startsWith('data: ')) ({ now } = JSON.parse(line.slice('data: '.length)) as { now: Now });
      }
    })().catch(() => {}); // It ends with the console.
    const healthOf = (region: string): string | undefined =>
      now?.regions.find((each) => each.region === region)?.health;

    await vi.waitFor(() => expect(healthOf('eu-west')).toBe('good'), WAIT);
    expect((await press('cut', { region: 'eu-west' })).status).toBe(200);
    await vi.waitFor(() => expect([healthOf('eu-west'), now!.cutHere]).toEqual(['cut', ['eu-west']]), WAIT);
    expect(healthOf('ap-south')).toBe('good');
    expect((await press('heal', { region: 'eu-west' })).status).toBe(200);
    await vi.waitFor(() => expect([healthOf('eu-west'), now!.cutHere]).toEqual(['good', []]), WAIT);
    await vi.waitFor(() => expect(now!.verified.ages[0]!.checked).toBeGreaterThan(0), WAIT);
    expect(now!.verified.findings).toBe(0);
    expect((await press('invalidate', { key: 'city:1' })).status).toBe(403);

    const exited = once(child, 'exit');
    child.kill('SIGINT');
    expect(await exited).toEqual([0, null]);
    await following;
    const { mode, cuts, lostWrites, boundViolations, divergentKeys } = JSON.parse(await report) as Report;
    expect({ mode, lostWrites, boundViolations, divergentKeys }).toEqual({
      mode: 'services',
      lostWrites: 0,
      boundViolations: 0,
      divergentKeys: 0,
    });
    expect(cuts).toEqual([
      { region: 'eu-west', ms: expect.any(Number), convergedAfterMs: expect.any(Number) },
    ]);
  },
);
