import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { cli } from './agent-harness.ts';
import { OtlpReceiver } from './otlp-receiver.ts';
import type { OpenNode, Regions } from './regions-harness.ts';
import { KEYSPACES, reportIn, WAIT, WarmMesh } from './warm-harness.ts';
import { noted } from './warm-keyspaces.mjs';

const ROWS = 12_000;
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let mesh: WarmMesh;
let regions: Regions;
let us: OpenNode;
let eu: OpenNode;
let dir: string;

beforeAll(async () => {
  mesh = await WarmMesh.start(ROWS);
  ({ regions } = mesh);
});
beforeEach(async () => {
  await mesh.begin();
  ({ us, eu, dir } = mesh);
});
afterEach(() => mesh.end());
afterAll(() => mesh.close());

describe('tidemark warm', () => {
  it('fills an emptied region from its peer while rows change, and leaves nothing old behind', async () => {
    await mesh.cacheAllInUs();
    await mesh.emptyEu();
    let writing = true;
    let writes = 0;
    const writer = (async () => {
      while (writing) {
        writes += 1;
        const id = 1 + ((writes * 7_919) % ROWS);
        const at = writes % 2 === 0 ? us : eu;
        await at.node.write((tx) =>
          tx.query('update items set value = $1 where id = $2', [`new ${writes}`, id]),
        );
      }
    })();
    const collector = new OtlpReceiver();
    const sent = ['--otlp', await collector.start()];
    const { code, out, err } = await cli(...mesh.warmArgs('--from', 'peer:us', ...sent));
    writing = false;
    await writer;
    expect([code, err]).toEqual([0, '']);
    const report = reportIn(out);
    await collector.close();
    expect(collector.metrics.get('tidemark.warmup.keys')!.value('outcome', 'filled')).toBe(report.filled);
    expect(collector.metrics.get('tidemark.warmup.coverage')!.value()).toBe(report.coverage);
    const [whole] = collector.spans.filter(({ name }) => name === 'tidemark.warmup');
    const batches = collector.spans.filter(({ name }) => name === 'tidemark.warmup.batch');
    expect(batches.length).toBeGreaterThan(0);
    expect(new Set(batches.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set([whole!.spanId]));
    expect(report).toMatchObject({ outcome: 'complete', keys: ROWS });
    expect(report.filled).toBeGreaterThan(ROWS * 0.8);
    expect(writes).toBeGreaterThan(50);
    expect(existsSync(join(dir, 'state'))).toBe(false);
    // All that was written has been applied here when a new write has.
    await us.node.write((tx) => tx.query("update items set value = 'last' where id = 1"));
    await vi.waitFor(
      async () => expect(await eu.node.get(noted, { id: 1 })).toMatchObject({ value: 'last' }),
      WAIT,
    );
    const { values, wrong } = await mesh.compared();
    expect(wrong).toEqual([]);
    expect(values).toBeGreaterThan(ROWS * 0.8);
  });

  it('killed in the middle it goes on where it was: no key is loaded again but those of the batches under way', async () => {
    await mesh.cacheAllInUs();
    await mesh.emptyEu();
    const from = ['--from', 'source', ...KEYSPACES, '--match', 'item:1*', '--concurrency', '1'];
    const keys = join(dir, 'keys');
    await writeFile(keys, Array.from({ length: ROWS }, (_, i) => `item:${i + 1}\n`).join(''));
    const child = mesh.start(...from, '--keys', keys, '--source-qps', '4000');
    await vi.waitFor(() => expect(mesh.batchesDone()).toBeGreaterThanOrEqual(2), WAIT);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const done = mesh.batchesDone();
    const again = await cli(...mesh.warmArgs(...from, '--keys', keys));
    expect([again.code, again.err]).toEqual([1, expect.stringContaining('--resume')]);
    const { code, out } = await cli(...mesh.warmArgs(...from, '--source-qps', '100000', '--resume'));
    const report = reportIn(out);
    const wanted = Array.from({ length: ROWS }, (_, i) => String(i + 1)).filter((id) =>
      id.startsWith('1'),
    ).length;
    expect([code, report.outcome, report.keys]).toEqual([0, 'complete', wanted]);
    expect(report.keysNow).toBe(wanted - done * 500);
    const { loads, keys: distinct } = await mesh.loadsNoted();
    expect(distinct).toBe(wanted);
    // One batch was under way; of that, what the store had was not loaded again either.
    expect(loads - distinct).toBeLessThanOrEqual(100);
    expect((await mesh.compared()).wrong).toEqual([]);
  });

  it('goes on from the source when the Redis of its peer dies in the middle', async () => {
    await mesh.cacheAllInUs();
    await mesh.emptyEu();
    const child = mesh.start(
      '--from',
      'peer:us',
      'source',
      ...KEYSPACES,
      '--concurrency',
      '1',
      '--source-qps',
      '100000',
    );
    await vi.waitFor(() => expect(mesh.batchesDone()).toBeGreaterThanOrEqual(1), WAIT);
    const { redis } = regions.servers.get('us')!;
    await redis.kill();
    const [code] = (await once(child, 'exit')) as [number];
    await redis.start();
    expect(code).toBe(0);
    const { loads, keys } = await mesh.loadsNoted();
    expect(loads).toBe(keys);
    const { values, wrong } = await mesh.compared();
    expect(wrong).toEqual([]);
    expect(values).toBe(ROWS);
    expect(loads).toBeLessThan(ROWS);
  });

  it('the most read tenth of the keys gives the hit rate that the reads of the neighbour predict', async () => {
    await mesh.cacheAllInUs();
    await mesh.emptyEu();
    const draw = zipf(0.9, 2_026);
    // Twenty reads a key: of fewer, luck decides which keys seem to be the most read ones.
    for (let i = 0; i < 240_000; i += 1) await us.node.get(noted, { id: draw() });
    const popular = await us.node.regionHotKeys(100_000);
    const warmed = Math.round(ROWS / 10);
    const sum = (keys: typeof popular): number => keys.reduce((total, { reads }) => total + reads, 0);
    const predicted = sum(popular.slice(0, warmed)) / sum(popular);
    const { code, out } = await cli(...mesh.warmArgs('--from', 'peer:us', '--top', String(warmed)));
    expect([code, reportIn(out).filled]).toEqual([0, warmed]);
    // As a reader would find them, without a reader that fills what it misses.
    const drawn = Array.from({ length: 20_000 }, () => noted.key({ id: draw() }));
    let hits = 0;
    for (let at = 0; at < drawn.length; at += 500) {
      const { records } = await eu.store.read(drawn.slice(at, at + 500));
      hits += records.filter((record) => record?.value).length;
    }
    const measured = hits / drawn.length;
    expect(Math.abs(measured - predicted), `predicted ${predicted}, measured ${measured}`).toBeLessThan(0.02);
    expect(measured).toBeGreaterThan(0.3);
  });

  it('a snapshot brings back what is still right, and nothing that changed since', async () => {
    await mesh.cacheAllInUs();
    const file = join(dir, 'snapshot');
    const inUs = mesh.inEu.map((each) => (each === 'eu' ? 'us' : each));
    const saved = await cli('snapshot', 'save', ...inUs, '--out', file, '--json');
    expect([saved.code, saved.err]).toEqual([0, '']);
    expect(JSON.parse(saved.out.trim().split('\n').at(-1)!)).toMatchObject({ type: 'saved', values: ROWS });
    // Behind the library's back, while eu has lost all that it knew: only the source can tell.
    await regions.admin.query("update items set value = 'later' where id <= 100");
    await mesh.emptyEu();
    const { code, out, err } = await cli(...mesh.warmArgs('--from', `snapshot:${file}`));
    expect([code, err]).toEqual([0, '']);
    const { filled, refused } = reportIn(out);
    expect(filled).toBe(ROWS - 100);
    expect(Object.values(refused).reduce((a, b) => a + b, 0)).toBe(100);
    const { values, wrong } = await mesh.compared();
    expect([values, wrong]).toEqual([ROWS - 100, []]);
    // What it can't give is left to the next origin.
    await mesh.emptyEu();
    const mixed = await cli(
      ...mesh.warmArgs('--from', `snapshot:${file}`, 'source', ...KEYSPACES, '--source-qps', '100000'),
    );
    expect([mixed.code, reportIn(mixed.out).filled]).toEqual([0, ROWS]);
    expect(await mesh.loadsNoted()).toEqual({ loads: 100, keys: 100 });
    await writeFile(file, (await readFile(file)).subarray(0, 5_000));
    const cut = await cli(...mesh.warmArgs('--from', `snapshot:${file}`));
    expect([cut.code, JSON.parse(cut.err)]).toMatchObject([1, { error: { code: 'E_SNAPSHOT' } }]);
  });

  it('ends cleanly at Ctrl-C, in a state that can be gone on with', async () => {
    await mesh.emptyEu();
    await regions.admin.query('truncate loads');
    const child = mesh.start(
      '--from',
      'source',
      ...KEYSPACES,
      '--keys',
      await mesh.keysFile(2_000),
      '--source-qps',
      '50',
    );
    await vi.waitFor(() => expect(existsSync(join(dir, 'state'))).toBe(true), WAIT);
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([130, null]);
    const doneBefore = mesh.batchesDone();
    const again = await cli(
      ...mesh.warmArgs('--from', 'source', ...KEYSPACES, '--source-qps', '100000', '--resume'),
    );
    expect([again.code, reportIn(again.out)]).toMatchObject([0, { outcome: 'complete', coverage: 1 }]);
    expect(reportIn(again.out).keysNow).toBe(2_000 - doneBefore * 500);
    const counted = await mesh.loadsNoted();
    expect(counted.loads).toBe(counted.keys);
  });

  it('says what it would do, and knows when a region is ready', async () => {
    await mesh.emptyEu();
    for (let id = 1; id <= 200; id += 1) for (let i = 0; i < 3; i += 1) await us.node.get(noted, { id });
    await us.node.regionHotKeys(1); // Puts its counts down.
    for (const wrong of [
      ['--from', 'nowhere'],
      ['--from', 'peer:eu'],
      ['--from', 'peer:us', '--until', 'coverage=0'],
    ]) {
      const { code, err } = await cli(...mesh.warmArgs(...wrong));
      expect([code, JSON.parse(err)]).toMatchObject([2, { error: { code: 'E_CONFIGURATION' } }]);
    }
    const plan = await cli(...mesh.warmArgs('--from', 'peer:us', 'source', ...KEYSPACES, '--dry-run'));
    const said = JSON.parse(plan.out) as Record<string, number>;
    expect(said).toMatchObject({ type: 'plan' });
    // Nodes of earlier tests put theirs down as well.
    expect(said['hot']).toBeGreaterThanOrEqual(200);
    expect(said['bytes']).toBeGreaterThan(1_000);
    // The reads of us are not eu's: until those are known, any region that is set up is ready.
    const before = await cli('ready', ...mesh.inEu, '--json');
    expect([before.code, JSON.parse(before.out)]).toMatchObject([
      0,
      { ready: true, initialised: true, hitRate: null },
    ]);
    // Unless it is asked to be ready for the reads of a neighbour.
    const like = await cli('ready', ...mesh.inEu, '--like', 'us');
    expect([like.code, like.out]).toEqual([3, expect.stringContaining('not ready: hit rate')]);
    await eu.store.popularity!.report('a node', [
      { key: 'item:1', reads: 60 },
      { key: 'item:99999', reads: 40 }, // No region has it.
    ]);
    await us.node.get(noted, { id: 1 });
    const top = await cli(
      'warm',
      ...mesh.inEu,
      '--state',
      join(dir, 'other'),
      '--from',
      'peer:us',
      '--until',
      'hit-rate=0.5',
    );
    expect([top.code, top.out]).toEqual([0, '']);
    const half = await cli('ready', ...mesh.inEu, '--hit-rate', '50%', '--json');
    expect([half.code, JSON.parse(half.out)]).toMatchObject([0, { ready: true, hitRate: 0.6, cold: 1 }]);
    const most = await cli('ready', ...mesh.inEu);
    expect([most.code, most.out]).toEqual([3, expect.stringContaining('not ready: hit rate 60.0 %')]);
  });
});

/** Ids by popularity: the one of rank r is drawn in proportion to `r ** -alpha`. */
function zipf(alpha: number, seed: number): () => number {
  const sums: number[] = [];
  let sum = 0;
  for (let rank = 1; rank <= ROWS; rank += 1) sums.push((sum += rank ** -alpha));
  const generator = xoroshiro128plus(seed);
  return () => {
    const at = ((generator.next() >>> 0) / 2 ** 32) * sum;
    let [low, high] = [0, ROWS - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! < at) low = middle + 1;
      else high = middle;
    }
    return low + 1;
  };
}
