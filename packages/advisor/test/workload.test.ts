import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { csvRows } from '../src/sources/csv.ts';
import { readWorkloadFile } from '../src/sources/workload-file.ts';
import { workload } from '../src/workload.ts';

const LEAST = { reads: 1, writes: 1, keys: 1 };
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tidemark-advisor-'));
});
afterAll(() => rm(dir, { recursive: true }));

async function file(name: string, content: string): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, content);
  return path;
}

describe('a workload', () => {
  it('is what people write', () => {
    expect(
      workload({
        reads: '90_000/min',
        writes: '36/h',
        keys: '1e6',
        loadCost: '800us',
        valueBytes: '4KiB',
        staleness: '2m',
      }),
    ).toMatchObject({
      reads: 1_500,
      writes: 0.01,
      keys: 1_000_000,
      loadCost: 0.8,
      valueBytes: 4_096,
      staleness: 120_000,
    });
  });

  it('has defaults', () => {
    expect(workload(LEAST)).toEqual({
      ...LEAST,
      name: 'item',
      zipf: 0.9,
      valueBytes: 1_000,
      readYourWrites: false,
      dependencies: 0,
      nodes: 1,
      regions: 1,
      writers: 'library',
      absent: 0,
      newKeys: 0,
      l1Memory: 67_108_864,
    });
    expect(workload({ ...LEAST, regions: 4 }).nodes).toBe(4);
  });

  it.each<[object, string | null, RegExp]>([
    [{ keys: undefined }, 'keys', /is missing, and can not be guessed; see docs/],
    [{ reads: 'many' }, 'reads', /"many" is not understood; write a rate such as 5000\/s/],
    [{ reads: '5/year' }, 'reads', /not understood/],
    [{ reads: -1 }, 'reads', /must be from 0 to/],
    [{ reads: Number.NaN }, 'reads', /./],
    [{ reads: [] }, 'reads', /is of a type that does not fit/],
    [{ keys: 0 }, 'keys', /0 must be a whole number from 1/],
    [{ keys: 1.5 }, 'keys', /1.5 must be a whole number/],
    [{ zipf: 9 }, 'zipf', /must be from 0 to 5/],
    [{ loadCost: '8' }, 'loadCost', /write a duration such as 800us/],
    [{ writers: 'me' }, 'writers', /must be one of library, triggers, outside/],
    [{ name: 'Product' }, 'name', /name that a keyspace may have/],
    [{ nodes: 2, regions: 3 }, 'nodes', /2 nodes can't be in 3 regions/],
    [{ absent: 0.7, newKeys: 0.7 }, 'absent', /more than all reads/],
    [{ read: 5 }, null, /there is no read; a workload has name, reads, writes, keys/],
  ])('%j: says which field, and what to write', (changed, field, message) => {
    expect(() => workload({ ...LEAST, ...changed })).toThrow(
      expect.objectContaining({ code: 'E_WORKLOAD', field, message: expect.stringMatching(message) }),
    );
  });

  it('is named as the reader knows it', () => {
    expect(() => workload({ ...LEAST, loadCost: 'x' }, (field) => `--${field}`)).toThrow(/^--loadCost: /);
  });
});

describe('a workload file', () => {
  it('is YAML, or JSON', async () => {
    const yaml = await file(
      'a.yaml',
      '# products\nreads: 5000/s\nwrites: 20/s # with imports\nkeys: 1000000\n',
    );
    expect(await readWorkloadFile(yaml)).toEqual({ reads: '5000/s', writes: '20/s', keys: 1_000_000 });
    const json = await file('a.json', '{"reads": 5, "writers": "outside"}');
    expect(await readWorkloadFile(json)).toEqual({ reads: 5, writers: 'outside' });
  });

  const TABLE = `cluster,production_miss_ratio,category,key_bytes,value_bytes,request_rate_kqps,mean_frequency,compulsory_miss_percent,common_ttls,wss_mb_no_ttl,operations,zipf_alpha
a,0.1,1,20,80,2,10,5,"1h:0.50, 10m:0.25",100,get:0.80 set:0.10 delete:0.10,1.1
b,,2,20,80,1,10,5,30s:1.00,0,set:1.00,
c,0.1,2,20,80,1,10,5,30s:1.00,0,get:0.20 set:0.80,
d,0.1,2,20,80,x,10,5,30s:1.00,0,get:1.00,
`;

  it('is a row of a table of clusters', async () => {
    const path = await file('table.csv', TABLE);
    const workloadOfA = await readWorkloadFile(path, 'a').catch((error: Error) => error.message);
    // Row d is broken, and no row is used of a table that can't be read.
    expect(workloadOfA).toMatch(/request_rate_kqps: of d is "x", which is no number/);
    const good = await file('good.csv', TABLE.split('\n').slice(0, 4).join('\n'));
    expect(await readWorkloadFile(good, 'a')).toEqual({
      name: 'a',
      reads: 1_600,
      writes: 400,
      keys: 1_048_576,
      zipf: 1.1,
      valueBytes: 80,
      staleness: 600_000,
      newKeys: 0.05,
    });
    expect(await readWorkloadFile(good, 'c')).toMatchObject({ keys: 17_280_000, zipf: 0.9, newKeys: 0 });
  });

  it.each<[string, string, string | undefined, RegExp]>([
    ['x.csv', TABLE.split('\n').slice(0, 4).join('\n'), 'z', /cluster: there is no z, only a, b, c/],
    ['x.csv', TABLE.split('\n').slice(0, 4).join('\n'), undefined, /say which one of the table: a, b, c/],
    ['x.csv', TABLE.split('\n').slice(0, 4).join('\n'), 'b', /of b has no reads/],
    ['x.csv', 'cluster,other\na,1', 'a', /the table has no column key_bytes, /],
    ['x.csv', '', 'a', /the table has no column cluster/],
    ['x.yaml', 'reads: 5', 'a', /only a table \(.csv\) has clusters/],
    ['x.yaml', '- reads', undefined, /write one field a line, such as reads: 5000\/s/],
    ['x.yaml', 'reads: "5', undefined, /is neither YAML nor JSON/],
    ['x.yaml', 'a: &a [1]\nb: *a', undefined, /neither YAML nor JSON/],
    ['x.yaml', '#'.repeat(1_000_001), undefined, /has 1000001 bytes/],
  ])('%s with %j, cluster %s: says what is wrong', async (name, content, cluster, message) => {
    const path = await file(name, content);
    await expect(readWorkloadFile(path, cluster)).rejects.toMatchObject({
      code: 'E_WORKLOAD',
      message: expect.stringMatching(message),
    });
  });

  it('that is not there', async () => {
    await expect(readWorkloadFile(join(dir, 'none'))).rejects.toMatchObject({
      code: 'E_WORKLOAD',
      message: expect.stringContaining("can't be read (ENOENT)"),
    });
  });
});

it('CSV: quoted cells, quotes in them, cells that are missing', () => {
  expect(csvRows('a,b,c\r\n"1, 2","say ""x""",\n\n3\n')).toEqual([
    { a: '1, 2', b: 'say "x"', c: '' },
    { a: '3', b: '', c: '' },
  ]);
});
