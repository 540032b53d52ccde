import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Version } from '@tidemark/core';
import type { Finding, KeyTimeline, KeyView, MeshEvent, MeshLetters, MeshView } from '@tidemark/inspect';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { cities } from '../src/city.ts';
import { lines, storeIn, type Written } from './command-answers.ts';
import { Scraped } from './commands-advise.ts';
import { findsPlanted, sweepsClean, verifiesClean } from './commands-verify.ts';
import { keepingService } from './keeping-service.ts';
import { type Ran, RunningDemo } from './running-demo.ts';

const REGIONS = ['us-east', 'ap-south', 'eu-west'];
const KEYSPACES = ['--keyspaces', fileURLToPath(new URL('../dist/city.js', import.meta.url))];
const WAIT = { timeout: 60_000, interval: 100 };
/** Each server may take this long, and a command two to three times that. */
const TIMEOUT = ['--timeout', '3s'];
/** While all servers are there it costs nothing. */
const PATIENT = ['--timeout', '10s'];
/** A busy machine included. */
const CUT_MAX_MS = 45_000;
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

let demo: RunningDemo;
let scraped: Scraped;
let admin: pg.Pool;
/** Cities where nobody lives: no reader or writer of the demo picks them. */
let quiet: number[];
let dir: string;
let keysFile: string;

beforeAll(async () => {
  demo = await RunningDemo.start();
  scraped = await Scraped.start(demo);
  admin = new pg.Pool({ connectionString: (await demo.endpoints('us-east')).postgres, max: 2 });
  admin.on('error', () => {});
  const { rows } = await admin.query<{ id: number }>(
    'select id from cities order by population, id limit 12',
  );
  quiet = rows.map(({ id }) => id);
  dir = await mkdtemp(join(tmpdir(), 'tidemark-demo-test-'));
  keysFile = join(dir, 'keys');
  await writeFile(
    keysFile,
    quiet
      .slice(0, 10)
      .map((id) => `${key(id)}\n`)
      .join(''),
  );
});
afterAll(async () => {
  await admin?.end();
  await demo?.close();
  await scraped?.close();
  await rm(dir, { recursive: true, force: true });
});

const key = (id: number): string => cities.key({ id });

/** By plain SQL, as somebody with psql. */
async function rename(id: number, name: string): Promise<Version> {
  await admin.query('update cities set name = $2, revision = revision + 1 where id = $1', [id, name]);
  const { rows } = await admin.query<{ n: string }>(
    'select version::text as n from tidemark.versions where key = $1',
    [key(id)],
  );
  return { era: 1, n: Number(rows[0]!.n) };
}

describe('all regions are there', () => {
  it('status, lag, doctor, verify, regions check, postgres status', async () => {
    const looks = Promise.all([
      demo.json<MeshView>('status', ...PATIENT),
      demo.json<Pick<MeshView, 'pairs'>>('lag', ...PATIENT),
      demo.json<{ findings: readonly Finding[] }>('doctor', ...PATIENT),
      demo.tidemark('regions', 'check', '--regions', demo.dir, '--json'),
      demo.tidemark('postgres', 'status', '--regions', demo.dir, '--json'),
    ]);
    await Promise.all([
      verifiesClean(demo, REGIONS),
      // Once there was time to cache something.
      looks.then(() => sweepsClean(demo, REGIONS, KEYSPACES)),
    ]);
    const [status, lag, doctor, check, postgres] = await looks;
    expect([status.code, status.data.troubles]).toEqual([0, []]);
    expect(status.data.relay).not.toBeNull();
    for (const each of status.data.regions) {
      expect(each).toMatchObject({ redis: { reachable: true, applier: {} }, deadLetters: 0 });
      expect(each.freshness.boundMs).toBeLessThan(10_000);
    }
    // From the home region, as far away as each region is.
    const took = status.data.regions.map(({ redis }) => (redis.reachable ? redis.server.roundTripMs : 0));
    expect([took[1]! >= 200, took[2]! >= 80]).toEqual([true, true]);
    expect([lag.code, lag.data.pairs.length]).toEqual([0, 9]);
    expect(lag.data.pairs.filter(({ following }) => following !== true)).toEqual([]);
    expect([doctor.code, doctor.data.findings.filter(({ severity }) => severity !== 'note')]).toEqual([
      0,
      [],
    ]);
    expect(JSON.parse(check.out)).toMatchObject({ regions: REGIONS.map((region) => ({ region })) });
    expect(JSON.parse(postgres.out)).toMatchObject({
      tables: [{ table: 'cities', keyspace: 'city', keys: ['id'] }],
      problems: [],
    });
  });

  it.concurrent('verify and agent find what somebody wrote past the library, and nothing else', () => {
    const id = quiet[10]!;
    const heard = async (): Promise<void> => {
      const version = await rename(id, 'Lemuria');
      await vi.waitFor(async () => {
        const { data } = await demo.json<KeyView>('inspect', ...PATIENT, key(id));
        expect(storeIn(data, 'ap-south').tidemark).toEqual(version);
      }, WAIT);
    };
    return findsPlanted(demo, REGIONS, { key: key(id), region: 'ap-south', heard });
  });

  it.concurrent('advise, from what a Prometheus sees of it', () => scraped.advises(REGIONS.length, 6));

  it.concurrent('warm, dry and real, ready, snapshot save, warm from the snapshot', async () => {
    const saved = join(dir, 'saved');
    const from = (region: string, ...more: string[]): Promise<Ran> =>
      demo.tidemark(
        ...['warm', '--region', region, ...demo.place, '--state', join(dir, region), '--json', ...more],
      );
    const dry = await from('eu-west', '--from', 'source', ...KEYSPACES, '--keys', keysFile, '--dry-run');
    expect(lines(dry)).toMatchObject([{ type: 'plan', keys: 10, fromPeers: 0, sourceLoads: 10 }]);
    expect(
      storeIn((await demo.json<KeyView>('inspect', ...PATIENT, key(quiet[0]!))).data, 'eu-west').value,
    ).toBeNull();

    const warmed = await from('eu-west', '--from', 'source', ...KEYSPACES, '--keys', keysFile);
    expect([warmed.code, lines(warmed).at(-1)]).toMatchObject([
      0,
      { type: 'report', outcome: 'complete', keys: 10, filled: 10 },
    ]);
    const [view, ready, snapshot] = await Promise.all([
      demo.json<KeyView>('get', ...PATIENT, key(quiet[0]!), '--value'),
      demo.json<object>('ready', '--region', 'eu-west', '--hit-rate', '0'),
      demo.tidemark('snapshot', 'save', '--region', 'eu-west', '--out', saved, ...demo.place, '--json'),
    ]);
    const eu = storeIn(view.data, 'eu-west');
    expect([eu.serves.eventual, storeIn(view.data, 'us-east').serves.eventual]).toMatchObject([
      { served: true, why: 'fresh' },
      { served: false, why: 'absent' },
    ]);
    expect(JSON.parse(Buffer.from(eu.data!, 'base64').toString())).toMatchObject({ id: quiet[0] });
    expect([ready.code, ready.data]).toMatchObject([0, { ready: true, initialised: true }]);
    expect([snapshot.code, lines(snapshot).at(-1)]).toMatchObject([
      0,
      { type: 'saved', values: expect.any(Number) },
    ]);

    const copied = await from('ap-south', '--from', `snapshot:${saved}`, '--match', key(quiet[0]!));
    expect([copied.code, lines(copied).at(-1)]).toMatchObject([
      0,
      { outcome: 'complete', keys: 1, filled: 1, refused: {} },
    ]);
  });

  it.concurrent('a write by SQL shows in tail, trace and inspect', async () => {
    const id = quiet[0]!;
    const tail = demo.follow<MeshEvent | { type: 'following' }>('tail', '--key', key(id));
    await vi.waitFor(() => expect(tail.said[0]).toMatchObject({ type: 'following' }), WAIT);
    const version = await rename(id, 'Atlantis');
    await vi.waitFor(
      () =>
        expect(tail.said).toContainEqual(expect.objectContaining({ type: 'change', key: key(id), version })),
      WAIT,
    );
    expect(await tail.end('SIGINT')).toBe(0);
    const told = tail.said.flatMap((event) => ('key' in event ? [event.key] : []));
    expect(new Set(told)).toEqual(new Set([key(id)]));
    await vi.waitFor(async () => {
      const [trace, inspect] = await Promise.all([
        demo.json<KeyTimeline>('trace', ...PATIENT, key(id), '--since', '10m'),
        demo.json<KeyView>('inspect', ...PATIENT, key(id)),
      ]);
      expect([trace.code, trace.data.newest]).toEqual([0, version]);
      expect(trace.data.events).toContainEqual(
        expect.objectContaining({ type: 'written', region: null, version }),
      );
      expect(trace.data.events).toContainEqual(expect.objectContaining({ type: 'relayed', version }));
      expect(trace.data.regions.map((each) => each.reachable && each.knowsNewest)).toEqual([
        true,
        true,
        true,
      ]);
      expect(storeIn(inspect.data, 'eu-west')).toMatchObject({
        tidemark: version,
        serves: { eventual: { served: false, why: 'absent' } },
        value: null,
      });
    }, WAIT);
  });

  it.concurrent('invalidate is applied in three regions; rollback brings the content before back', async () => {
    const id = quiet[1]!;
    const { code, data } = await demo.json<Written>('invalidate', key(id), '--yes', '--wait', '20s');
    expect([code, data.invalidations.map((each) => each.key)]).toEqual([0, [key(id)]]);
    expect(data.regions.map(({ region, applied }) => [region, applied])).toEqual(
      REGIONS.map((region) => [region, true]),
    );
    const service = await keepingService(demo);
    try {
      const before = await service.nameOf(id);
      const mistake = await rename(id, 'a mistake');
      await vi.waitFor(async () => expect(await service.nameOf(id)).toBe('a mistake'), WAIT);
      const back = await demo.json<Written & { from: Version }>(
        ...['rollback', key(id), '--yes', '--wait', '20s'],
      );
      expect([back.code, back.data.from, back.data.regions.map(({ applied }) => applied)]).toEqual([
        0,
        mistake,
        [true, true, true],
      ]);
      await vi.waitFor(async () => expect(await service.nameOf(id)).toBe(before), WAIT);
      // The demo compares all that is cached with the table: the next write ends a rollback.
      await rename(id, before);
    } finally {
      await service.close();
    }
  });

  it.concurrent('postgres migrate, track, untrack; agent; completion', async () => {
    await admin.query('create table notes (id integer primary key, note text)');
    const at = ['--regions', demo.dir, '--json'];
    const agent = demo.follow<{ type: string }>('agent', '--region', 'ap-south', '--roles', 'applier');
    const migrated = await demo.tidemark('postgres', 'migrate', ...at);
    expect(JSON.parse(migrated.out)).toMatchObject({ applied: [] });
    const noted = ['notes', '--keyspace', 'note'];
    const tracked = await demo.tidemark('postgres', 'track', ...noted, '--key', 'id', ...at);
    expect(tracked).toMatchObject({ code: 0, err: '' });
    await admin.query(`insert into notes values (7, 'hello')`);
    const timeline = await demo.json<KeyTimeline>('trace', ...PATIENT, 'note:7');
    expect(timeline.data.events).toContainEqual(expect.objectContaining({ type: 'written', region: null }));
    const untracked = await demo.tidemark('postgres', 'untrack', ...noted, ...at);
    expect(untracked).toMatchObject({ code: 0, err: '' });
    await admin.query(`insert into notes values (8, 'nobody hears')`);
    const unheard = await demo.json<KeyView>('inspect', ...PATIENT, 'note:8');
    expect(unheard.data.source).toMatchObject({ row: null });
    const completion = await demo.tidemark('completion', 'bash');
    expect([completion.code, completion.out]).toEqual([0, expect.stringContaining('tidemark complete --')]);
    await vi.waitFor(
      () => expect(agent.said).toContainEqual({ type: 'ready', region: 'ap-south', roles: ['applier'] }),
      WAIT,
    );
    expect(await agent.end('SIGTERM')).toBe(0);
  });

  it.concurrent('dead-letters show, list and replay', async () => {
    const id = quiet[2]!;
    await admin.query(
      `insert into tidemark.versions values ($1, nextval('tidemark.version_seq'), pg_current_xact_id(), now(), false)`,
      [`City:${id}`],
    );
    await vi.waitFor(async () => {
      const { code, data } = await demo.json<MeshLetters>('dead-letters', 'show', ...PATIENT);
      expect([code, data.letters]).toMatchObject([
        0,
        [{ change: { key: `City:${id}` }, regions: REGIONS.toSorted() }],
      ]);
    }, WAIT);
    const list = await demo.json<{ letters: readonly object[] }>(
      ...['dead-letters', 'list', '--region', 'ap-south'],
    );
    expect(list.data.letters).toMatchObject([{ change: { key: `City:${id}` } }]);
    const replayed = await demo.json<Written>(
      ...['dead-letters', 'replay', `City:${id}`, '--as', key(id), '--yes', '--wait', '20s'],
    );
    expect([replayed.code, replayed.data.invalidations.map((each) => each.key)]).toEqual([0, [key(id)]]);
    await vi.waitFor(async () => {
      const { data } = await demo.json<MeshLetters>('dead-letters', 'show', ...PATIENT);
      expect(data.letters).toEqual([]);
    }, WAIT);
  });
});

describe('while a region is cut off', () => {
  let invalidated: Version;
  beforeAll(() => demo.cut('eu-west'));

  it.concurrent('commands that look say so, show the rest, and take no longer than they may', async () => {
    // A few at a time, as an operator would.
    const [status, lag] = await Promise.all([
      demo.json<MeshView>('status', ...TIMEOUT),
      demo.json<Pick<MeshView, 'pairs'>>('lag', ...TIMEOUT),
    ]);
    const [doctor, inspect] = await Promise.all([
      demo.json<{ findings: readonly Finding[] }>('doctor', ...TIMEOUT),
      demo.json<KeyView>('inspect', key(quiet[0]!), ...TIMEOUT),
    ]);
    const [trace, letters, postgres] = await Promise.all([
      demo.json<KeyTimeline>('trace', key(quiet[0]!), ...TIMEOUT),
      demo.json<MeshLetters>('dead-letters', 'show', ...TIMEOUT),
      demo.tidemark('postgres', 'status', '--regions', demo.dir, '--json'),
    ]);
    const all = { status, lag, doctor, inspect, trace, letters, postgres };
    expect(Object.entries(all).map(([name, { code }]) => `${name} ${code}`)).toEqual([
      'status 3',
      'lag 3',
      'doctor 1',
      'inspect 3',
      'trace 3',
      'letters 3',
      'postgres 0',
    ]);
    for (const { ms } of Object.values(all)) expect(ms).toBeLessThan(CUT_MAX_MS);
    const [us, ap, eu] = status.data.regions;
    expect(eu).toMatchObject({
      redis: { reachable: false, code: 'E_STORE_UNAVAILABLE' },
      nats: { reachable: false },
      postgres: { reachable: false },
    });
    for (const each of [us, ap]) expect(each).toMatchObject({ redis: { reachable: true }, deadLetters: 0 });
    expect(status.data.truth).toMatchObject({ reachable: true, through: 'us-east' });
    const unreachable = (region: string): readonly Finding[] =>
      doctor.data.findings.filter((each) => each.code === 'unreachable' && each.region === region);
    expect([unreachable('us-east').length, unreachable('eu-west').length]).toEqual([0, 3]);
    expect(storeIn(inspect.data, 'us-east').tidemark).not.toBeNull();
    expect(inspect.data.regions.map(({ reachable }) => reachable)).toEqual([true, true, false]);
    expect(trace.data.events.some(({ type }) => type === 'relayed')).toBe(true);
  });

  it.concurrent('commands that write do it, and name who has not heard of it', async () => {
    const id = quiet[3]!;
    const { code, data, ms } = await demo.json<Written>(
      ...['invalidate', key(id), '--yes', '--wait', '2s', ...TIMEOUT],
    );
    expect([code, data.regions.map(({ region, applied }) => [region, applied])]).toEqual([
      3,
      [
        ['us-east', true],
        ['ap-south', true],
        ['eu-west', false],
      ],
    ]);
    expect(ms).toBeLessThan(CUT_MAX_MS);
    invalidated = data.invalidations[0]!.version;
  });

  it.concurrent('tail names who is away, and goes on with the others', async () => {
    const id = quiet[4]!;
    const tail = demo.follow<MeshEvent | { type: 'following' }>('tail', '--key', key(id), ...TIMEOUT);
    await vi.waitFor(
      () => expect(tail.said).toContainEqual(expect.objectContaining({ type: 'away', region: 'eu-west' })),
      WAIT,
    );
    await vi.waitFor(() => expect(tail.said.map(({ type }) => type)).toContain('following'), WAIT);
    const version = await rename(id, 'Mu');
    await vi.waitFor(
      () => expect(tail.said).toContainEqual(expect.objectContaining({ type: 'change', version })),
      WAIT,
    );
    expect(await tail.end('SIGINT')).toBe(0);
  });

  it.concurrent('commands that need the region fail with its reason; an agent waits', async () => {
    const agent = demo.follow<{ type: string; server: string }>('agent', '--region', 'eu-west');
    const [ready, save] = await Promise.all([
      demo.json<object>('ready', '--region', 'eu-west'),
      demo.json<object>('snapshot', 'save', '--region', 'eu-west', '--out', join(dir, 'cut-saved')),
    ]);
    for (const { code, err, ms } of [ready, save]) {
      expect([code, JSON.parse(err)]).toMatchObject([1, { error: { code: 'E_STORE_UNAVAILABLE' } }]);
      expect(ms).toBeLessThan(CUT_MAX_MS);
    }
    await vi.waitFor(
      () => expect(agent.said).toContainEqual(expect.objectContaining({ type: 'waiting', server: 'redis' })),
      WAIT,
    );
    expect(await agent.end('SIGTERM')).toBe(0);
  });

  it('healed, it hears of what it missed, and the demo finds every promise kept', async () => {
    await demo.heal('eu-west');
    await vi.waitFor(async () => {
      const { data } = await demo.json<KeyView>('inspect', key(quiet[3]!), ...PATIENT);
      expect(storeIn(data, 'eu-west').tidemark).toEqual(invalidated);
      expect((await demo.json<MeshView>('status', ...PATIENT)).code).toBe(0);
    }, WAIT);
    const { code, report } = await demo.end();
    expect([code, report]).toMatchObject([
      0,
      {
        mode: 'services',
        boundViolations: 0,
        lostWrites: 0,
        divergentKeys: 0,
        cuts: [{ region: 'eu-west', convergedAfterMs: expect.any(Number) }],
      },
    ]);
    expect(existsSync(demo.dir)).toBe(false);
  });
});
