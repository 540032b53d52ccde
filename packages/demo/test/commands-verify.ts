import type { SweepReport, VerifierFinding, VerifierReport } from '@tidemark/verifier';
import { Redis } from 'ioredis';
import { expect, vi } from 'vitest';
import { lines } from './command-answers.ts';
import type { RunningDemo } from './running-demo.ts';

const WAIT = { timeout: 90_000, interval: 100 };
/** For a busy machine the later ones: what is planted too late for one age is found at the next. */
const AGES = ['--ages', '2s,6s,15s,40s'];

type Line = { readonly type: string } & Partial<VerifierReport & VerifierFinding> & { readonly url?: string };

/** Checks in each region's Redis, and in the L1s of its nodes. */
function checkedIn(report: VerifierReport, tier: 'l1' | 'l2'): string[] {
  const cells = report.cells.filter((cell) => cell.tier === tier && cell.checked > 0);
  return [...new Set(cells.map(({ region }) => region))].toSorted();
}

/** A mesh that works, as a verifier of some seconds finds it. */
export async function verifiesClean(demo: RunningDemo, regions: readonly string[]): Promise<void> {
  const args = ['--for', '5s', '--ages', '500ms,2s', '--timeout', '10s', ...demo.place, '--json'];
  const ran = await demo.tidemark('verify', ...args);
  const report = lines(ran).at(-1) as unknown as VerifierReport;
  expect([ran.code, ran.err, report.findings]).toEqual([0, '', {}]);
  for (const tier of ['l1', 'l2'] as const) expect(checkedIn(report, tier)).toEqual(regions.toSorted());
  expect(report.ages).toMatchObject([{ inconsistent: 0 }, { inconsistent: 0 }]);
}

/** A part of what the demo cached, with its content. */
export async function sweepsClean(
  demo: RunningDemo,
  regions: readonly string[],
  keyspaces: readonly string[],
): Promise<void> {
  const ran = await demo.tidemark(
    'verify',
    '--sweep',
    '--shard',
    '0/4',
    ...keyspaces,
    ...demo.place,
    '--json',
  );
  const report = lines(ran).at(-1) as unknown as SweepReport;
  expect([ran.code, ran.err, report.findings]).toEqual([0, '', {}]);
  expect(report.regions.map(({ region }) => region).toSorted()).toEqual(regions.toSorted());
  for (const { served, compared, whole } of report.regions) {
    expect(whole).toBe(true);
    // One that is written meanwhile can't be compared.
    expect(compared).toBeGreaterThan(0.8 * served);
    expect(compared).toBeGreaterThan(10);
  }
}

/**
 * Somebody writes to a region's Redis past the library: a verifier from the command line, and an agent that verifies,
 * both find it, and nothing else.
 *
 * @param heard changes the key, and resolves when the region has applied that
 */
export async function findsPlanted(
  demo: RunningDemo,
  regions: readonly string[],
  { key, region, heard }: { key: string; region: string; heard: () => Promise<void> },
): Promise<void> {
  const verify = demo.follow<Line>('verify', ...AGES);
  const agent = demo.follow<Line>(
    ...['agent', '--region', 'us-east', '--roles', 'verifier', '--metrics-port', '0'],
  );
  for (const { said } of [verify, agent])
    await vi.waitFor(() => expect(said.map(({ type }) => type)).toContain('following'), WAIT);
  await heard();
  const redis = new Redis((await demo.endpoints(region)).redis);
  redis.on('error', () => {});
  try {
    await redis.set(`cities:{${key}}`, 'mine');
    const finding = { type: 'finding', kind: 'foreign-write', key, region, tier: 'l2', severity: 'error' };
    for (const { said } of [verify, agent]) {
      await vi.waitFor(() => expect(said).toContainEqual(expect.objectContaining(finding)), WAIT);
      expect(said.findLast(({ type }) => type === 'finding')!.timeline).toContainEqual(
        expect.objectContaining({ type: 'written', region: null }),
      );
    }
    const metrics = await (await fetch(agent.said.find(({ type }) => type === 'metrics')!.url!)).text();
    /** Labels of what was counted at all: each kind of finding is there from the beginning, as 0. */
    const counted = (name: string): string[] =>
      metrics.split('\n').filter((line) => line.startsWith(`${name}{`) && !line.endsWith(' 0'));
    const found = counted('tidemark_verifier_findings_total');
    expect(found).toHaveLength(1);
    for (const label of [`checked_region="${region}"`, 'tier="l2"', 'kind="foreign-write"'])
      expect(found[0]).toContain(label);
    const checks = counted('tidemark_verifier_checks_total').join('\n');
    for (const each of regions) expect(checks).toContain(`checked_region="${each}"`);
    expect(metrics).not.toContain(key);
  } finally {
    await redis.del(`cities:{${key}}`).finally(() => redis.disconnect());
  }
  expect(await Promise.all([verify.end('SIGINT'), agent.end('SIGTERM')])).toEqual([1, 0]);
  for (const { said } of [verify, agent])
    expect(said.at(-1)).toMatchObject({ type: 'report', final: true, findings: { 'foreign-write': 1 } });
}
