import { type Runtime, systemRuntime } from '@tidemark/core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { BoundedWatch } from './bounded-watch.ts';
import { items, type OpenNode, Regions } from './regions-harness.ts';

const WAIT = { timeout: 20_000, interval: 15 };
const HOUR_MS = 3_600_000;
/** The worst rate error of these clocks. */
const RATE_ERROR = 0.02;

let regions: Regions;
beforeAll(async () => {
  regions = await Regions.start(['us', 'eu']);
});
afterEach(async () => {
  await regions.closeNodes();
});
afterAll(async () => {
  await regions.close();
});

/**
 * A process whose clocks agree with nobody's: the monotonic one starts anywhere and runs a little
 * fast or slow, as quartz does; the wall clock is hours off, drifts, and jumps back and forth.
 */
function oddClocks(number: number): Runtime {
  const rate = 1 + RATE_ERROR * (number % 2 === 0 ? 1 : -1);
  let calls = 0;
  return {
    ...systemRuntime,
    monoMs: () => (number + 1) * 1e9 + systemRuntime.monoMs() * rate,
    wallMs: () => {
      calls += 1;
      const jumpMs = (calls % 3) * HOUR_MS * (calls % 2 === 0 ? 1 : -1);
      return systemRuntime.wallMs() + (number - 1.5) * 7 * HOUR_MS + systemRuntime.monoMs() * 0.3 + jumpMs;
    },
    timer: (ms, task) => systemRuntime.timer(ms / rate, task),
  };
}

async function reads(nodes: readonly OpenNode[], value: string | null): Promise<void> {
  await Promise.all(
    nodes.map(({ node }) =>
      vi.waitFor(async () => {
        const result = await node.read(items, { id: 1 });
        expect(result).toMatchObject({ tier: 'l1' });
        expect(result.value?.value ?? null).toBe(value);
        expect(result.stalenessBoundMs).toBeLessThan(2_000);
        expect(result.stalenessBoundMs).toBeGreaterThanOrEqual(0);
      }, WAIT),
    ),
  );
}

describe.each([
  ['good', () => systemRuntime],
  ['bad', oddClocks],
])('with %s clocks', (_, clocks) => {
  it('regions converge, bounds are kept, and a cut region heals', async () => {
    await regions.sql(1, '0');
    const nodes = await Promise.all(
      ['us', 'us', 'eu', 'eu'].map((id, number) => regions.node(id, { runtime: clocks(number) })),
    );
    const watch = new BoundedWatch(
      nodes.map(({ node }) => node),
      (value) => regions.sql(1, value),
      // Of a bound of a second.
      RATE_ERROR * 1_000,
    );
    await reads(nodes, '0');
    for (let turn = 0; turn < 5; turn += 1) await reads(nodes, await watch.write());
    await nodes[0]!.node.write((tx) => tx.query('delete from items where id = 1'));
    await reads(nodes, null);
    await regions.sql(1, '1');
    regions.cut('eu');
    const unheard = await watch.write();
    await reads(nodes, unheard); // eu asks the source itself.
    regions.heal('eu');
    await reads(nodes, await watch.write());
    expect(await watch.stop()).toBeGreaterThan(50);
    expect(watch.violations).toEqual([]);
  });
});
