import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Cell, SweepReport, VerifierFinding, VerifierReport } from '@tidemark/verifier';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ensureBuild } from '../../testbed/bin/bootstrap.mjs';
import { run } from './run.ts';
import { items, ThreeRegions, WAIT } from './three-regions.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
/** Of a process that has to start. */
const START = { timeout: 60_000, interval: 50 };
const CLI = fileURLToPath(new URL('../bin/tidemark.mjs', import.meta.url));
const KEYSPACES = fileURLToPath(new URL('three-regions.ts', import.meta.url));
let regions: ThreeRegions;
const children: ChildProcess[] = [];
beforeAll(async () => {
  await ensureBuild();
  regions = await ThreeRegions.start();
});
afterEach(() => children.forEach((child) => child.kill('SIGKILL')));
afterAll(() => regions.close());

type Line = { readonly type: string } & Partial<VerifierReport> & { readonly final?: true };

/** A process, so that it can be killed. Resolves when it follows. */
async function verify(
  ...args: string[]
): Promise<{ lines: Line[]; end(signal: NodeJS.Signals): Promise<unknown> }> {
  const child = spawn(process.execPath, [CLI, 'verify', ...args, ...regions.place, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const lines: Line[] = [];
  createInterface(child.stdout).on('line', (line) => void lines.push(JSON.parse(line) as Line));
  await vi.waitFor(() => expect(lines.map(({ type }) => type)).toContain('following'), START);
  return {
    lines,
    async end(signal) {
      const exited = once(child, 'close');
      child.kill(signal);
      return (await exited)[0];
    },
  };
}

async function cached(id: number): Promise<void> {
  await regions.write(id, 'one');
  await regions.settled(id);
  for (const { node } of Object.values(regions.members)) await node.get(items, { id });
}

describe('killed without a word', () => {
  it('it goes on where it was: what is pending is checked, and what is counted stays counted', async () => {
    const args = ['--state', 'killed', '--ages', '500ms,3s'];
    const first = await verify(...args);
    for (let id = 1; id <= 5; id += 1) await cached(id);
    // Of both ages: 5 events in 3 regions, and a node in each.
    const made = (cells: readonly Cell[], ageMs: number, tier: 'l1' | 'l2'): number =>
      cells
        .filter((cell) => cell.ageMs === ageMs && cell.tier === tier)
        .reduce((sum, { checked, notAsked, late }) => sum + checked + notAsked + late, 0);
    const saved = async (ageMs: number, checks: number): Promise<VerifierReport> => {
      const { rows } = await regions.admin.query<{ state: VerifierReport }>(
        `select state from tidemark.verifiers where name = 'killed'`,
      );
      expect(made(rows[0]!.state.cells, ageMs, 'l2')).toBe(checks);
      return rows[0]!.state;
    };
    const before = await vi.waitFor(() => saved(500, 15), WAIT);
    await first.end('SIGKILL');
    const lost = await regions.admin.query('select key from tidemark.verifier_events order by id');
    expect(lost.rows.map(({ key }: { key: string }) => key)).toEqual(
      [1, 2, 3, 4, 5].map((id) => items.key({ id })),
    );
    // While none is there: read from the changelog.
    await regions.write(6, 'while it was dead');
    const second = await verify(...args);
    await vi.waitFor(() => saved(3_000, 18), WAIT);
    expect(await second.end('SIGTERM')).toBe(0);
    const last = second.lines.findLast(({ type }) => type === 'report') as VerifierReport;
    expect(last.pending).toBe(0);
    expect(last.sinceMs).toBe(before.sinceMs as unknown as number);
    expect(last.seen.events).toBe(6);
    for (const tier of ['l1', 'l2'] as const) {
      expect(made(last.cells, 500, tier)).toBe(18);
      expect(made(last.cells, 3_000, tier)).toBe(18);
    }
    expect(last.ages.find(({ ageMs }) => ageMs === 3_000)!.checked).toBeGreaterThan(0);
    expect(last.findings).toEqual({});
    const { rows } = await regions.admin.query('select key from tidemark.verifier_events');
    expect(rows).toEqual([]);
  });
});

describe('a sweep', () => {
  async function sweep(...args: string[]): Promise<{ code: number; report: SweepReport; kinds: string[] }> {
    const { code, out, err } = await run('verify', '--sweep', ...args, ...regions.place, '--json');
    expect(err).toBe('');
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string });
    const found = lines.filter(({ type }) => type === 'finding') as unknown as VerifierFinding[];
    return { code, report: lines.at(-1) as unknown as SweepReport, kinds: found.map(({ kind }) => kind) };
  }

  it('compares all that is cached; says what it found, and what it could not ask', async () => {
    for (let id = 20; id < 30; id += 1) await cached(id);
    const clean = await sweep('--keyspaces', KEYSPACES);
    expect(clean).toMatchObject({ code: 0, kinds: [] });
    for (const region of clean.report.regions) {
      expect(region).toMatchObject({ behind: 0, notAsked: 0, whole: true });
      // A fill may be lost while the machine is busy.
      expect(region.served).toBeGreaterThan(5);
      expect(region.compared).toBe(region.served);
    }
    const halves = [await sweep('--shard', '0/2'), await sweep('--shard', '1/2')] as const;
    const keys = (each: SweepReport): number => each.regions.reduce((sum, region) => sum + region.keys, 0);
    expect(keys(halves[0].report) + keys(halves[1].report)).toBe(keys(clean.report));

    const eu = new Redis(regions.redis.eu.url);
    await eu.set(`shop:{${items.key({ id: 21 })}}`, 'mine');
    eu.disconnect();
    expect(await sweep()).toMatchObject({ code: 1, kinds: ['foreign-write'] });
    await regions.write(21, 'two');
    await regions.settled(21);

    regions.cut('ap');
    try {
      const cut = await sweep('--timeout', '500ms');
      expect(cut).toMatchObject({ code: 3, kinds: [] });
      expect(cut.report.regions.find(({ region }) => region === 'ap')).toMatchObject({ whole: false });
    } finally {
      regions.heal('ap');
    }
  });
});

describe('for people', () => {
  it('says how it stands, and ends by --for', async () => {
    await cached(40);
    const ended = run('verify', '--for', '2s', '--ages', '300ms', ...regions.place);
    const { code, out } = await ended;
    expect(out).toContain('follows us, ap, eu; Ctrl-C ends');
    expect(out).toContain('no findings');
    expect(code).toBe(0);
  });

  it.each([
    [['--sweep', '--serve'], 'E_CONFIGURATION'],
    [['--shard', '0/2'], 'E_CONFIGURATION'],
    [['--sample', '0'], 'E_USAGE'],
    [['--ages', '2s,1s'], 'E_CONFIGURATION'],
    [['--ages', 'soon'], 'E_CONFIGURATION'],
    [['--state', 'No State'], 'E_CONFIGURATION'],
    [['--keyspaces', './nowhere.js'], 'E_CONFIGURATION'],
  ])('%j: %s', async (args, code) => {
    const { code: exit, err } = await run('verify', ...args, ...regions.place, '--json');
    expect([exit, (JSON.parse(err) as { error: { code: string } }).error.code]).toEqual([2, code]);
  });
});
