import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { cli, type RunningAgent } from './agent-harness.ts';
import { KEYSPACES, reportIn, WAIT, WarmMesh } from './warm-harness.ts';
import { noted } from './warm-keyspaces.mjs';

const ROWS = 6_000;
const TOKEN = 'of-both-sides-0123456789';
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let mesh: WarmMesh;
/** Region files in which the Redis of us can't be reached. */
let inEuAlone: string[];
let agent: RunningAgent;
let url: string;

beforeAll(async () => {
  vi.stubEnv('TIDEMARK_EXPORT_TOKEN', TOKEN);
  mesh = await WarmMesh.start(ROWS);
  inEuAlone = await mesh.agents.place('eu', {
    us: { ...mesh.regions.addresses('us'), redis: 'redis://127.0.0.1:1' },
    eu: mesh.regions.addresses('eu'),
  });
});
beforeEach(async () => {
  await mesh.begin();
  await mesh.cacheAllInUs();
  const inUs = mesh.inEu.map((each) => (each === 'eu' ? 'us' : each));
  agent = await mesh.agents.ready(...inUs, '--export', '0');
  url = String(agent.events().find(({ type }) => type === 'ready')!['export']);
  await mesh.emptyEu();
});
afterEach(() => mesh.end());
afterAll(async () => {
  vi.unstubAllEnvs();
  await mesh.close();
});

function warmArgs(...more: string[]): string[] {
  return mesh.warmArgs(...more).map((each, i, all) => (all[i - 1] === '--regions' ? inEuAlone[1]! : each));
}

describe('tidemark warm, from an agent that exports its region', () => {
  it('fills an emptied region whose peer shows no Redis, while rows change', async () => {
    let writing = true;
    const writer = (async () => {
      for (let i = 0; writing; i += 1) {
        const id = 1 + ((i * 7_919) % ROWS);
        await mesh.us.node.write((tx) =>
          tx.query('update items set value = $1 where id = $2', [`new ${i}`, id]),
        );
      }
    })();
    const { code, out, err } = await cli(...warmArgs('--from', url));
    writing = false;
    await writer;
    expect([code, err]).toEqual([0, '']);
    const report = reportIn(out);
    expect(report).toMatchObject({ outcome: 'complete', keys: ROWS, away: [] });
    expect(report.filled).toBeGreaterThan(ROWS * 0.8);
    expect((await mesh.loadsNoted()).loads).toBe(0);
    await mesh.us.node.write((tx) => tx.query("update items set value = 'last' where id = 1"));
    await vi.waitFor(async () => {
      const { records } = await mesh.eu.store.read(['item:1']);
      expect(records[0]?.value ?? null).toBeNull();
    }, WAIT);
    expect((await mesh.compared()).wrong).toEqual([]);
  });

  it('begins with the keys that the neighbour reads most', async () => {
    for (let i = 0; i < 50; i += 1) await mesh.us.node.get(noted, { id: 77 });
    await mesh.us.node.regionHotKeys(1); // Puts its counts down.
    const { code, out } = await cli(...warmArgs('--from', url, '--top', '1'));
    expect([code, reportIn(out).filled]).toEqual([0, 1]);
    expect((await mesh.eu.store.read(['item:77'])).records[0]?.value).toBeTruthy();
  });

  it('goes on from the source when the agent is killed in the middle', async () => {
    const from = ['--from', url, 'source', ...KEYSPACES, '--concurrency', '1', '--source-qps', '100000'];
    const child = mesh.run(...warmArgs(...from));
    await vi.waitFor(() => expect(mesh.batchesDone()).toBeGreaterThanOrEqual(1), WAIT);
    await agent.end('SIGKILL');
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(0);
    const { loads, keys } = await mesh.loadsNoted();
    expect(loads).toBe(keys);
    expect(loads).toBeLessThan(ROWS);
    expect(await mesh.compared()).toEqual({ values: ROWS, wrong: [] });
  });
});
