import { jsonCodec, type Store, type Version } from '@tidemark/core';
import { type Mesh, openMesh } from '@tidemark/inspect';
import { Verifier, type VerifierFinding, type VerifierOptions } from '@tidemark/verifier';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Id, IDS, items, ThreeRegions, WAIT } from './three-regions.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });
/** Of this key eu hears nothing any more. */
const LOST = items.key({ id: 2 });
const CONTENTS = {
  keyspaceOf: (key: string) => (key.startsWith('item:') ? items : undefined),
  codec: jsonCodec,
};

let regions: ThreeRegions;
let losing = false;
let mesh: Mesh;
const redis = new Map<Id, Redis>();

beforeAll(async () => {
  regions = await ThreeRegions.start({}, (id, store) => (id === 'eu' ? losingStore(store) : store));
  mesh = await openMesh({ dir: regions.dir, source: 'shop', answerMs: 1_000 });
  for (const id of IDS) redis.set(id, new Redis(regions.redis[id].url));
});
afterAll(async () => {
  await mesh.close();
  for (const client of redis.values()) client.disconnect();
  await regions.close();
});

/** Its applier's barriers say more than it applied. */
function losingStore(store: Store): Store {
  return new Proxy(store, {
    get(target, property) {
      if (property === 'apply') {
        return (batch: Parameters<Store['apply']>[0]) =>
          target.apply({
            ...batch,
            invalidations: batch.invalidations.filter(({ key }) => !losing || key !== LOST),
          });
      }
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
    },
  });
}

async function verified(
  work: (verifier: Verifier, findings: readonly VerifierFinding[]) => Promise<void>,
  options: Partial<VerifierOptions> = {},
): Promise<readonly VerifierFinding[]> {
  const findings: VerifierFinding[] = [];
  const verifier = new Verifier({
    // On a busy machine a first check may come too late: there are more.
    ...{ mesh, contents: CONTENTS, agesMs: [400, 2_000, 6_000], loadsPerSecond: 1_000 },
    ...options,
    onFinding: (finding) => findings.push(finding),
  });
  await verifier.start();
  try {
    await work(verifier, findings);
  } finally {
    await verifier.stop();
  }
  return findings;
}

/** Cached everywhere at its first version, written again, and cached everywhere at its newest one. */
async function writtenTwice(id: number): Promise<Version> {
  for (const value of ['one', 'two']) {
    await regions.write(id, value);
    await regions.settled(id);
    for (const { node } of Object.values(regions.members)) await node.get(items, { id });
  }
  return newest(id);
}
async function newest(id: number): Promise<Version> {
  return (await regions.members.us.source.labels([items.key({ id })])).versions[0]!;
}

/** Plants a fault in eu, and waits for what the verifier says of it. */
async function found(id: number, plant: (version: Version) => Promise<unknown>): Promise<VerifierFinding> {
  const key = items.key({ id });
  const findings = await verified(async (_, told) => {
    await plant(await writtenTwice(id));
    await vi.waitFor(() => expect(told.map((each) => each.key)).toContain(key), WAIT);
  });
  expect(new Set(findings.map((each) => `${each.kind} ${each.key} ${each.region}`)).size).toBe(1);
  return findings[0]!;
}

/** A fill that says of itself what the rules want to hear. */
async function fill(id: number, version: Version, value: unknown, schema = 1): Promise<void> {
  const { store, source } = regions.members.eu;
  const key = items.key({ id });
  const [{ meta, records }, { scopes }] = await Promise.all([store.read([key]), source.labels([key])]);
  expect(
    await store.fill({
      key,
      version,
      scope: scopes[0]!,
      asOf: meta!.horizon,
      incarnation: meta!.incarnation,
      epoch: meta!.epoch,
      revision: meta!.revision,
      schema,
      freshMs: 600_000,
      staleMs: 0,
      data: jsonCodec.encode(value),
      dependencies: [],
      replaces: records[0]?.value?.filledAtMs ?? 'any',
      lease: null,
    }),
  ).toBe('admitted');
}

const at = (finding: VerifierFinding): string[] =>
  finding.timeline.map(({ type, region, version }) => `${type} ${region ?? 'source'} ${version?.n ?? '-'}`);

describe('a planted fault is found and explained', () => {
  it('a tier written behind the library’s back', async () => {
    const finding = await found(1, () => redis.get('eu')!.set('shop:{item:1}', '{"value":"mine"}'));
    const { n } = await newest(1);
    expect(finding).toMatchObject({ kind: 'foreign-write', region: 'eu', tier: 'l2', severity: 'error' });
    expect(finding.text).toContain('{\\"value\\":\\"m');
    expect(at(finding)).toContain(`written source ${n}`);
  });

  it('an event that a region lost', async () => {
    const findings = await verified(async (_, told) => {
      await writtenTwice(2);
      losing = true;
      await regions.write(2, 'three');
      await regions.settled(2, ['us', 'ap']);
      await vi.waitFor(() => expect(told.map(({ kind }) => kind)).toContain('lost-event'), WAIT);
    });
    losing = false;
    const { n } = await newest(2);
    const finding = findings.find(({ kind }) => kind === 'lost-event')!;
    expect(finding).toMatchObject({ key: LOST, region: 'eu', tier: 'l2', newest: { n } });
    expect(findings.filter(({ region }) => region !== 'eu')).toEqual([]);
    expect(finding.version!.n).toBeLessThan(n);
    expect(at(finding)).toEqual(
      expect.arrayContaining([`written source ${n}`, `bumped us ${n}`, `cached eu ${finding.version!.n}`]),
    );
    await redis.get('eu')!.del(`shop:{${LOST}}`);
  });

  it('a stale fill that was forced through', async () => {
    const finding = await found(3, (version) => fill(3, version, { id: 3, value: 'one' }));
    const version = await newest(3);
    expect(finding).toMatchObject({ kind: 'stale-fill', region: 'eu', tier: 'l2', version, newest: version });
    expect(finding.text).toMatch(/content of \d+\.\d+ under the label/);
    expect(at(finding)).toContain(`cached eu ${version.n}`);
  });

  it('content that never was', async () => {
    const finding = await found(4, (version) => fill(4, version, { id: 4, value: 'never' }));
    expect(finding).toMatchObject({ kind: 'content-differs', region: 'eu' });
  });

  it('a schema that no release has', async () => {
    const finding = await found(5, (version) => fill(5, version, { id: 5, value: 'two' }, 99));
    expect(finding).toMatchObject({ kind: 'wrong-schema', region: 'eu' });
    expect(finding.text).toContain('99');
  });

  it('a value whose bytes were damaged', async () => {
    const finding = await found(6, () => redis.get('eu')!.setrange('shop:{item:6}', 88, '\u0001\u0002'));
    expect(finding).toMatchObject({ kind: 'corrupt', region: 'eu', tier: 'l2' });
  });

  it('a version that is too new', async () => {
    const finding = await found(7, ({ era, n }) =>
      regions.members.eu.store.raise([{ key: items.key({ id: 7 }), version: { era, n: n + 1_000 } }]),
    );
    const { n } = await newest(7);
    expect(finding).toMatchObject({
      kind: 'too-new',
      region: 'eu',
      version: { n: n + 1_000 },
      newest: { n },
    });
  });
});

it('a mesh that works has no findings, however much is written', async () => {
  const findings = await verified(async (verifier) => {
    const untilMs = performance.now() + 3_000;
    for (let i = 0; performance.now() < untilMs; i += 1) {
      await regions.write(100 + (i % 20), `value ${i}`);
      await Promise.all(IDS.map((id) => regions.members[id].node.get(items, { id: 100 + (i % 20) })));
    }
    await vi.waitFor(() => expect(verifier.report().pending).toBe(0), WAIT);
    const { ages, cells, findings: kinds } = verifier.report();
    expect(kinds).toEqual({});
    expect(ages.map(({ ageMs }) => ageMs)).toEqual([400, 2_000, 6_000]);
    const last = cells.filter(({ ageMs }) => ageMs === 6_000);
    expect(last).toHaveLength(2 * IDS.length);
    for (const { checked, inconsistent, notAsked } of last) {
      expect(checked).toBeGreaterThan(10);
      expect([inconsistent, notAsked]).toEqual([0, 0]);
    }
  });
  expect(findings).toEqual([]);
});

it('a region that is cut off is not asked: nothing of it is called consistent, and nothing found', async () => {
  await verified(
    async (verifier, findings) => {
      await writtenTwice(200);
      await vi.waitFor(() => expect(verifier.report().pending).toBe(0), WAIT);
      const of = (id: Id) => {
        const cells = verifier.report().cells.filter(({ region }) => region === id);
        return {
          checked: cells.reduce((sum, { checked }) => sum + checked, 0),
          notAsked: cells.reduce((sum, { notAsked }) => sum + notAsked, 0),
        };
      };
      regions.cut('ap');
      try {
        const before = { us: of('us'), ap: of('ap') };
        for (let i = 0; i < 10; i += 1) await regions.write(200, `value ${i}`);
        await vi.waitFor(() => expect(of('ap').notAsked).toBeGreaterThan(before.ap.notAsked), WAIT);
        expect(of('us').checked).toBeGreaterThan(before.us.checked);
        expect(of('ap').checked).toBe(before.ap.checked);
        expect(findings).toEqual([]);
      } finally {
        regions.heal('ap');
      }
    },
    { agesMs: [400] },
  );
});
