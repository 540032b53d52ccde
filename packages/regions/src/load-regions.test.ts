import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { loadRegions } from './load-regions.ts';

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
    expect(set.roundTripMs('us-east', 'ap-south')).toBe(200);
    expect(set.roundTripMs('ap-south', 'us-east')).toBe(200);
    expect(set.home.endpoints.redis).toMatch(/^redis:\/\/127/);
  });

  it('takes endpoints from the environment, and says which variable is missing', async () => {
    await expect(loadRegions(join(sets, 'production-example'), {})).rejects.toThrow(/TIDEMARK_AP_SOUTH_REDIS_URL/);
    const dir = await folder(file('a', 'home', [], '${A_URL:-fallback}'));
    expect((await loadRegions(dir, { A_URL: 'given' })).home.endpoints.redis).toBe('given');
    expect((await loadRegions(dir, {})).home.endpoints.redis).toBe('fallback');
  });

  it.each([
    ['no files', [], /no region files/],
    ['not JSON', ['{'], /can't be read as JSON/],
    ['an unknown field', [{ ...file('a', 'home', []), colour: 1 }], /additional properties/],
    ['a bad id', [file('A.b', 'home', [])], /\/id must match pattern/],
    ['no home', [file('a', 'replica', [])], /exactly one region must have the role home/],
    ['two of one id', [file('a', 'home', []), file('a', 'replica', [])], /id a is already used/],
    ['an unknown peer', [file('a', 'home', [['b', 1]])], /b is not another region/],
    ['a missing peer', [file('a', 'home', [['b', 1]]), file('b', 'replica', [])], /missing/],
    ['unequal round trips', [file('a', 'home', [['b', 1]]), file('b', 'replica', [['a', 2]])], /round trip to b is 1 ms here and 2 there/],
  ])('rejects %s and says where', async (_, files, message) => {
    await expect(loadRegions(await folder(...files))).rejects.toMatchObject({
      code: 'E_REGION',
      message: expect.stringMatching(message),
    });
  });
});
