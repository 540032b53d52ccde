import { createInterface } from 'node:readline';
import { noTelemetry } from '@tidemark/core';
import { type Proxy, startProxy } from '@tidemark/testbed';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { BoundedWatch } from './bounded-watch.ts';
import { items, openNode, type OpenNode, Regions } from './regions-harness.ts';

const WAIT = { timeout: 30_000, interval: 15 };
const KINDS = ['redis', 'nats', 'postgres'] as const;
type Kind = (typeof KINDS)[number];
type Role = 'relay' | 'applier';

let regions: Regions;
let reader: OpenNode;
let watch: BoundedWatch;

/** Which roles a node holds, as its telemetry tells. */
function rolesOf(): { readonly held: Set<Role>; readonly telemetry: typeof noTelemetry } {
  const held = new Set<Role>();
  return {
    held,
    telemetry: {
      ...noTelemetry,
      record(event) {
        if (event.type !== 'role') return;
        if (event.leading) held.add(event.role);
        else held.delete(event.role);
      },
    },
  };
}

beforeAll(async () => {
  regions = await Regions.start(['us']);
});
beforeEach(async () => {
  await regions.sql(1, '0');
  reader = await regions.node('us', { roles: { relay: false, applier: false } });
  watch = new BoundedWatch([reader.node], (value) => regions.sql(1, value));
});
afterEach(async () => {
  const reads = await watch.stop();
  expect(watch.violations).toEqual([]);
  expect(reads).toBeGreaterThan(10);
  await regions.closeNodes();
});
afterAll(async () => {
  await regions.close();
});

/** A new value reaches the reader's L1, and its freshness is proven. */
async function converges(): Promise<void> {
  const value = await watch.write();
  await vi.waitFor(async () => {
    const result = await reader.node.read(items, { id: 1 });
    expect(result).toMatchObject({ value: { value }, tier: 'l1' });
    expect(result.stalenessBoundMs).toBeLessThan(2_000);
  }, WAIT);
}

describe('a process with both roles', () => {
  it('hangs: another takes them, and it does no harm when it wakes', async () => {
    const { process: holder, said, lines } = await startHolder();
    expect(said).toBe('leading both roles');
    const successor = rolesOf();
    await regions.node('us', { telemetry: successor.telemetry });
    await converges();
    holder.kill('SIGSTOP');
    await vi.waitFor(() => expect([...successor.held].sort()).toEqual(['applier', 'relay']), WAIT);
    await converges();
    const { meta } = await reader.store.read([]);
    holder.kill('SIGCONT');
    await converges();
    await vi.waitFor(() => expect([...lines].sort()).toEqual(['lost applier', 'lost relay']), WAIT);
    await converges();
    expect([...successor.held].sort()).toEqual(['applier', 'relay']);
    const after = (await reader.store.read([])).meta!;
    expect(after).toMatchObject({ incarnation: meta!.incarnation, epoch: meta!.epoch });
    expect(after.horizon.era).toBe(meta!.horizon.era);
  });

  it.each([
    ['redis', ['applier']],
    ['nats', ['applier', 'relay']],
    ['postgres', ['relay']],
  ] as const)('is cut off from %s alone: another takes %j', async (kind, roles) => {
    const paths = await startPaths();
    const holding = rolesOf();
    await openThrough(paths, holding.telemetry);
    await vi.waitFor(() => expect([...holding.held].sort()).toEqual(['applier', 'relay']), WAIT);
    const successor = rolesOf();
    await regions.node('us', { telemetry: successor.telemetry });
    await converges();
    paths[kind].cut('blackhole');
    await vi.waitFor(
      () => expect([...successor.held].sort()).toEqual(expect.arrayContaining([...roles])),
      WAIT,
    );
    await converges();
    paths[kind].heal();
    // In the end each role has one holder, and it is not both that the healed one took back.
    await vi.waitFor(() => {
      for (const role of roles)
        expect([holding.held.has(role), successor.held.has(role)]).toEqual([false, true]);
    }, WAIT);
    await converges();
  });
});

async function startHolder() {
  const { process: holder, said } = await regions.child('role-holder.ts', 'us');
  const lines: string[] = [];
  createInterface(holder.stdout!).on('line', (line) => lines.push(line));
  return { process: holder, said, lines };
}

async function startPaths(): Promise<Record<Kind, Proxy>> {
  const { redis, nats } = regions.servers.get('us')!;
  const postgres = Number(new URL(regions.addresses('us').postgres).port);
  const [toRedis, toNats, toPostgres] = await Promise.all([
    startProxy({ target: redis }),
    startProxy({ target: nats }),
    startProxy({ target: { host: '127.0.0.1', port: postgres } }),
  ]);
  return { redis: toRedis, nats: toNats, postgres: toPostgres };
}

/** A node whose ways to everything can be cut one by one. */
async function openThrough(paths: Record<Kind, Proxy>, telemetry: typeof noTelemetry): Promise<void> {
  const addresses = regions.addresses('us');
  const through = (url: string, { port }: Proxy): string =>
    Object.assign(new URL(url), { port: String(port) }).href;
  const opened = await openNode(
    {
      region: 'us',
      redis: through(addresses.redis, paths.redis),
      nats: { us: `nats://127.0.0.1:${paths.nats.port}` },
      postgres: through(addresses.postgres, paths.postgres),
    },
    { telemetry },
  );
  onTestFinished(async () => {
    for (const kind of KINDS) paths[kind].heal();
    await opened.close();
    await Promise.all(KINDS.map((kind) => paths[kind].close()));
  });
}
