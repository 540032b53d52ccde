import { execFile } from 'node:child_process';
import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { bounded, keyspace } from '@tidemark/core';
import { otelTelemetry } from '@tidemark/otel';
import { type Sdk, startSdk } from '@tidemark/otel-sdk';
import { type Proxy, type Server, startPrometheus, startProxy } from '@tidemark/testbed';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { items, type OpenNode, Regions } from './regions-harness.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const RULES = join(ROOT, 'deploy/prometheus/tidemark.rules.yml');
const DASHBOARDS = join(ROOT, 'deploy/grafana');
const IDS = ['us-east', 'eu-west', 'ap-south'] as const;
const LABEL_VALUES_MAX = 20;
const WAIT = { timeout: 40_000, interval: 100 };

/** A keyspace whose loads fail when they are told to. */
let broken = false;
const fickle = keyspace({
  name: 'fickle',
  params: { id: 'int' },
  ttl: 200,
  staleIfError: '1h',
  async load({ id }) {
    if (broken) throw new Error('the source of this one is down');
    return { id };
  },
});

let sdk: Sdk;
let regions: Regions;
let nodes: OpenNode[];
let prometheus: Server;
/** The way of one region to the source. */
let toSource: Proxy;

beforeAll(async () => {
  sdk = await startSdk({ service: 'test', prometheus: { port: 0 } });
  regions = await Regions.start(IDS);
  await regions.sql(1, 'old');
  toSource = await startProxy({ target: regions.postgres });
  nodes = await Promise.all(
    IDS.map((region) =>
      regions.node(
        region,
        { keyspaces: [items, fickle], telemetry: otelTelemetry({ region, node: `${region}-1` }) },
        region === 'eu-west' ? { postgres: regions.urlOn(toSource) } : {},
      ),
    ),
  );
  // As deployed, but for how long an alert waits: a test does not.
  const rules = (await readFile(RULES, 'utf8')).replaceAll(/^( +for: ).*$/gm, '$11s');
  prometheus = await startPrometheus({ targets: [new URL(sdk.metricsUrl!).host], rules });
}, 60_000);
afterAll(async () => {
  await prometheus.close();
  await regions.close();
  await toSource.close();
  await sdk.stop();
});

interface Answer<T> {
  readonly status: string;
  readonly data: T;
}

async function ask<T>(path: string): Promise<T> {
  const response = await fetch(`${prometheus.url}/api/v1/${path}`);
  const { status, data } = (await response.json()) as Answer<T>;
  expect(status, path).toBe('success');
  return data;
}

async function firing(): Promise<string[]> {
  const { alerts } = await ask<{
    alerts: { state: string; labels: Record<string, string> }[];
  }>('alerts');
  return alerts
    .filter(({ state }) => state === 'firing')
    .map(({ labels }) => `${labels['alertname']} ${labels['tidemark_region'] ?? ''}`.trim());
}

interface Dashboard {
  readonly uid: string;
  readonly panels: readonly { readonly id: number; readonly targets: readonly { readonly expr: string }[] }[];
}

async function dashboards(): Promise<Dashboard[]> {
  const files = (await readdir(DASHBOARDS)).filter((name) => name.endsWith('.json'));
  return Promise.all(
    files.map(async (name) => JSON.parse(await readFile(join(DASHBOARDS, name), 'utf8')) as Dashboard),
  );
}

async function ruleExpressions(): Promise<string[]> {
  const { groups } = await ask<{ groups: { rules: { query: string }[] }[] }>('rules');
  return groups.flatMap(({ rules }) => rules.map(({ query }) => query));
}

/** Names of series in an expression: labels stand in braces, or in the parentheses of a clause. */
function seriesIn(expr: string): string[] {
  const bare = expr.replaceAll(/\{[^}]*\}/g, '').replaceAll(/\b(by|without|on|ignoring)\s*\([^)]*\)/g, '');
  return bare.match(/\btidemark_\w+/g) ?? [];
}

it('rules are valid, fire when they should, and are quiet when all is well', async () => {
  const promtool = promisify(execFile);
  await promtool('promtool', ['check', 'rules', RULES]);
  await promtool('promtool', ['check', 'config', join(ROOT, 'deploy/prometheus/prometheus.yml')]);
  const { stdout } = await promtool('promtool', [
    'test',
    'rules',
    RULES.replace('.rules.yml', '.rules.test.yml'),
  ]);
  expect(stdout).toContain('SUCCESS');
  const tests = await readFile(RULES.replace('.rules.yml', '.rules.test.yml'), 'utf8');
  for (const [, name] of (await readFile(RULES, 'utf8')).matchAll(/alert: (\w+)/g)) {
    expect(tests).toContain(`alertname="${name}"`);
    expect(tests).toContain(`alertname: ${name},`);
  }
});

it('each alert has a page that says what to do', async () => {
  const pages = [...(await readFile(RULES, 'utf8')).matchAll(/runbook: (\S+)/g)].map(([, page]) => page!);
  expect(pages.length).toBeGreaterThan(10);
  for (const page of pages) await access(join(ROOT, page));
});

it('every series that dashboards and rules name exists on a mesh that met some trouble', async () => {
  const [us, eu] = nodes as [OpenNode, OpenNode, OpenNode];
  for (let id = 1; id <= 3; id += 1) await eu.node.get(fickle, { id });
  broken = true;
  await us.node.write((tx) => tx.query(`update items set value = 'new' where id = 1`));
  for (const { node } of nodes) await node.get(items, { id: 1 });
  await vi.waitFor(async () => {
    // Past its TTL, and its source is down: what there is.
    expect((await eu.node.read(fickle, { id: 1 })).why).toBe('stale-if-error');
  }, WAIT);
  // A load somewhere else, waited for here.
  const lease = await eu.store.lease('item:77', 'another process', 400);
  expect(lease.granted).toBe(true);
  await eu.node.get(items, { id: 77 });
  // Two readers of the same region's Redis: one fills, the other has a hit of L2.
  const second = await regions.node('eu-west', {
    telemetry: otelTelemetry({ region: 'eu-west', node: 'eu-west-2' }),
    roles: { relay: false, applier: false },
  });
  await vi.waitFor(async () => expect((await second.node.read(items, { id: 1 })).tier).toBe('l2'), WAIT);
  await regions.servers.get('ap-south')!.redis.kill();
  const ap = nodes[2]!;
  for (let i = 0; i < 10; i += 1)
    await ap.node.get(items, { id: 1 }, { consistency: bounded('1m') }).catch(() => {});
  for (let id = 100; id < 120; id += 1) await ap.node.get(items, { id });
  await regions.servers.get('ap-south')!.redis.start();
  const telemetry = otelTelemetry({ region: 'eu-west', node: 'eu-west-warm' });
  telemetry.record({
    type: 'warmup',
    keys: 10,
    filled: 9,
    refused: 1,
    bytes: 900,
    coverage: 0.9,
    hitRate: 0.8,
    speed: 1,
  });
  // A verifier over all regions, as `tidemark verify --serve` records it.
  const checked = { region: 'eu-west', tier: 'l2', ageMs: 1_000 } as const;
  for (const outcome of ['consistent', 'inconsistent', 'notAsked'] as const)
    telemetry.record({ type: 'verified', ...checked, outcome, times: 1 });
  telemetry.record({ type: 'finding', region: 'eu-west', tier: 'l2', kind: 'stale', times: 0 });

  const named = [
    ...(await ruleExpressions()),
    ...(await dashboards()).flatMap(({ panels }) =>
      panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ),
  ].flatMap(seriesIn);
  expect(new Set(named).size).toBeGreaterThan(30);
  await vi.waitFor(async () => {
    const known = new Set(await ask<string[]>('label/__name__/values'));
    expect([...new Set(named)].filter((name) => !known.has(name))).toEqual([]);
  }, WAIT);
  broken = false;
}, 60_000);

/** Rows of the page's table of metrics: names as Prometheus has them, and their labels. */
async function documented(): Promise<{ readonly names: Set<string>; readonly labels: Set<string> }> {
  const page = await readFile(join(ROOT, 'docs/reference/telemetry.md'), 'utf8');
  const table = page.slice(page.indexOf('| metric |'), page.indexOf('Loads avoided'));
  const names = new Set<string>();
  const labels = new Set(['region', 'node']);
  for (const row of table.trim().split('\n').slice(2)) {
    const [, metric = '', label = ''] = row.split('|');
    let family = '';
    for (const [, name] of metric.matchAll(/`([\w.]+)`/g)) {
      if (!name!.startsWith('.')) family = name!.slice(0, name!.lastIndexOf('.'));
      names.add((name!.startsWith('.') ? family + name! : name!).replaceAll('.', '_'));
    }
    for (const [, name] of label.matchAll(/`([\w.]+)`/g)) labels.add(name!);
  }
  return { names, labels: new Set([...labels].map((name) => `tidemark_${name.replaceAll('.', '_')}`)) };
}

it('the page has every metric and every label that there is; labels have few values, and none is a key', async () => {
  const { names, labels } = await documented();
  const all = `series?match[]=${encodeURIComponent('{__name__=~"tidemark_.*"}')}`;
  const series = await ask<readonly Readonly<Record<string, string>>[]>(all);
  const base = (name: string): string => name.replace(/_(total|bucket|sum|count)$/, '');
  const known = new Set(series.map(({ __name__: name }) => base(name!)));
  expect([...known].filter((name) => !names.has(name))).toEqual([]);
  expect([...names].filter((name) => !known.has(name))).toEqual([]);
  const values = new Map<string, Set<string>>();
  for (const [label, value] of series.flatMap((each) => Object.entries(each))) {
    if (!label.startsWith('tidemark_')) continue;
    values.set(label, (values.get(label) ?? new Set()).add(value));
  }
  expect([...values.keys()].filter((label) => !labels.has(label))).toEqual([]);
  for (const [label, found] of values) {
    expect([label, found.size <= LABEL_VALUES_MAX]).toEqual([label, true]);
    expect([
      label,
      [...found].filter((value) => value.includes(':') || /^[0-9a-f]{16}$/.test(value)),
    ]).toEqual([label, []]);
  }
});

it('every expression of a dashboard is understood, and ids are unique', async () => {
  for (const { uid, panels } of await dashboards()) {
    expect(new Set(panels.map(({ id }) => id)).size, uid).toBe(panels.length);
    for (const { expr } of panels.flatMap(({ targets }) => targets)) {
      const filled = expr.replaceAll(/\$(region|keyspace)/g, '.*').replaceAll('$__rate_interval', '1m');
      await ask(`query?query=${encodeURIComponent(filled)}`);
    }
  }
});

it('a region that is cut off raises its alert, and only its own; healed, it ends', async () => {
  await vi.waitFor(
    async () => expect(await firing()).not.toContainEqual(expect.stringContaining('Unproven')),
    WAIT,
  );
  regions.cut('eu-west');
  toSource.cut('blackhole');
  try {
    await vi.waitFor(async () => expect(await firing()).toContain('TidemarkRegionUnproven eu-west'), WAIT);
    const others = (await firing()).filter((alert) => /Unproven (us-east|ap-south)/.test(alert));
    expect(others).toEqual([]);
  } finally {
    regions.heal('eu-west');
    toSource.heal();
  }
  await vi.waitFor(async () => expect(await firing()).not.toContain('TidemarkRegionUnproven eu-west'), WAIT);
}, 90_000);
