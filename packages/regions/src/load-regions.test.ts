import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { loadRegions } from './load-regions.ts';
import { regionSchema } from './schema.ts';

const sets = fileURLToPath(new URL('../../../regions/', import.meta.url));
const dirs: string[] = [];

function file(id: string, role: string, peers: readonly [string, number][], endpoint = 'x'): object {
  return {
    id,
    role,
    endpoints: { redis: endpoint, nats: 'n', postgres: 'p' },
    peers: peers.map(([peer, roundTripMs]) => ({ id: peer, roundTripMs })),
  };
}

async function folder(...files: readonly (object | string)[]): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'regions-'));
  dirs.push(dir);
  for (const [i, content] of files.entries()) {
    await writeFile(join(dir, `${i}.json`), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return dir;
}

afterEach(async () => {
  for (const dir of dirs.splice(0)) await rm(dir, { recursive: true });
});

describe('loadRegions', () => {
  it('reads the local set, home first, with symmetric round trips', async () => {
    const set = await loadRegions(join(sets, 'local'), {});
    expect(set.regions.map(({ id }) => id)).toEqual(['us-east', 'ap-south', 'eu-west']);
    expect(set.home.id).toBe('us-east');
    expect(set.roundTripMs('us-east', 'eu-west')).toBe(80);
    expect(set.roundTripMs('us-east', 'ap-south')).toBe(200);
    expect(set.roundTripMs('ap-south', 'us-east')).toBe(200);
    expect(set.roundTripMs('eu-west', 'ap-south')).toBe(130);
    expect(set.roundTripMs('eu-west', 'eu-west')).toBe(0);
    expect(set.get('eu-west').location).toEqual({ latitude: 53.35, longitude: -6.26 });
    expect(set.get('eu-west').endpoints.redis).toBe('redis://127.0.0.1:6380');
    expect(() => set.roundTripMs('us-east', 'mars')).toThrow(
      /there is no region mars, only us-east, ap-south/,
    );
  });

  it('takes production endpoints from the environment only', async () => {
    const dir = join(sets, 'production-example');
    await expect(loadRegions(dir, {})).rejects.toMatchObject({
      code: 'E_REGION_VARIABLE_MISSING',
      path: join(dir, 'ap-south.json'),
      field: 'endpoints.redis',
      message: expect.stringContaining('TIDEMARK_AP_SOUTH_REDIS_URL is not set'),
    });
    const ids = ['US_EAST', 'EU_WEST', 'AP_SOUTH'];
    const names = ids.flatMap((id) =>
      ['REDIS', 'NATS', 'POSTGRES'].map((kind) => `TIDEMARK_${id}_${kind}_URL`),
    );
    const set = await loadRegions(dir, Object.fromEntries(names.map((name) => [name, `url of ${name}`])));
    expect(set.home.endpoints.nats).toBe('url of TIDEMARK_US_EAST_NATS_URL');
  });

  it('prefers a variable to its default, and the default to an empty variable', async () => {
    const dir = await folder(file('a', 'home', [], '${A_URL:-redis://here:1}/0'));
    expect((await loadRegions(dir, { A_URL: 'given' })).home.endpoints.redis).toBe('given/0');
    expect((await loadRegions(dir, {})).home.endpoints.redis).toBe('redis://here:1/0');
    expect((await loadRegions(dir, { A_URL: '' })).home.endpoints.redis).toBe('redis://here:1/0');
  });

  it.each([
    ['no files', [], 'UNREADABLE', null, /holds 0 region files/],
    ['not JSON', ['{'], 'UNREADABLE', null, /0\.json: can't be read as JSON/],
    [
      'an unknown field',
      [{ ...file('a', 'home', []), colour: 1 }],
      'INVALID',
      null,
      /additional properties \("colour"\)/,
    ],
    ['a missing field', [{ id: 'a' }], 'INVALID', null, /must have required property 'role'/],
    ['a bad id', [file('A.b', 'home', [])], 'INVALID', 'id', /must match pattern/],
    [
      'a place that is not on Earth',
      [{ ...file('a', 'home', []), location: { latitude: 91, longitude: 0 } }],
      'INVALID',
      'location.latitude',
      /must be <= 90/,
    ],
    ['a bad role', [file('a', 'main', [])], 'INVALID', 'role', /"home","replica"/],
    [
      'a bad reference',
      [file('a', 'home', [], '${a-b}')],
      'INVALID',
      'endpoints.redis',
      /\$\{a-b\} is not a reference/,
    ],
    ['no home', [file('a', 'replica', [])], 'HOME', 'role', /no region/],
    [
      'two homes',
      [file('a', 'home', [['b', 1]]), file('b', 'home', [['a', 1]])],
      'HOME',
      'role',
      /1\.json: role: the home region is already a/,
    ],
    [
      'two of one id',
      [file('a', 'home', []), file('a', 'replica', [])],
      'DUPLICATE',
      'id',
      /a is already used in .*0\.json/,
    ],
    [
      'an unknown peer',
      [file('a', 'home', [['b', 1]])],
      'PEER',
      'peers.0.id',
      /b is not a region of this set \(a\)/,
    ],
    ['itself as peer', [file('a', 'home', [['a', 1]])], 'PEER', 'peers.0.id', /a is the region itself/],
    [
      'a missing peer',
      [file('a', 'home', [['b', 1]]), file('b', 'replica', [])],
      'PEER',
      'peers',
      /1\.json: peers: a is missing/,
    ],
    [
      'a peer twice',
      [
        file('a', 'home', [
          ['b', 1],
          ['b', 1],
        ]),
        file('b', 'replica', [['a', 1]]),
      ],
      'PEER',
      'peers.1.id',
      /listed twice/,
    ],
    [
      'unequal round trips',
      [file('a', 'home', [['b', 1]]), file('b', 'replica', [['a', 2]])],
      'ROUND_TRIP',
      'peers.0.roundTripMs',
      /to b is 1 ms here and 2 ms there/,
    ],
  ])('rejects %s and says where', async (_, files, code, field, message) => {
    await expect(loadRegions(await folder(...files))).rejects.toMatchObject({
      name: 'RegionError',
      code: `E_REGION_${code}`,
      field,
      message: expect.stringMatching(message),
    });
  });

  it('rejects a folder that is not there', async () => {
    await expect(loadRegions('/nonexistent/regions')).rejects.toMatchObject({ code: 'E_REGION_UNREADABLE' });
  });
});

it('has the same schema in regions/schema.json, for editors', async () => {
  expect(JSON.parse(await readFile(join(sets, 'schema.json'), 'utf8'))).toEqual(regionSchema);
});

it('has the ports of deploy/compose.yaml in the local set', async () => {
  const compose = await readFile(join(sets, '../deploy/compose.yaml'), 'utf8');
  const published = [...compose.matchAll(/127\.0\.0\.1:(\d+):\d+/g)].map(([, port]) => port);
  const { regions } = await loadRegions(join(sets, 'local'), {});
  const urls = regions.flatMap(({ endpoints }) => Object.values(endpoints) as string[]);
  expect(new Set(urls.map((url) => new URL(url).port))).toEqual(new Set(published));
});
