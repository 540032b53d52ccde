import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Advice } from '@tidemark/advisor';
import { describe, expect, it } from 'vitest';
import { run } from './run.ts';

const TABLE = fileURLToPath(new URL('../../bench/data/twitter-2020-workloads.csv', import.meta.url));
const LEAST = ['--reads', '5000/s', '--writes', '20/s', '--keys', '10000'];

const HOW_TO = fileURLToPath(new URL('../../../docs/how-to/decide-whether-to-cache.md', import.meta.url));

describe('tidemark advise', () => {
  it('says what the how-to shows', async () => {
    const page = await readFile(HOW_TO, 'utf8');
    const command = /tidemark advise (--name [^]*?)\n```/.exec(page)![1]!.replaceAll(/\\\n/g, '');
    const shown = /<!-- advise -->\n```text\n([^]*?)```/.exec(page)![1]!;
    expect((await run('advise', ...command.trim().split(/\s+/))).out).toBe(`${shown}\n`);
  });

  it('recommends first, then figures, settings, alternatives, and code', async () => {
    const { code, out, err } = await run(
      ...[
        'advise',
        ...LEAST,
        '--zipf',
        '0.9',
        '--load-cost',
        '8ms',
        '--value-bytes',
        '600',
        '--staleness',
        '2s',
      ],
      ...[
        '--dependencies',
        '3',
        '--nodes',
        '6',
        '--regions',
        '3',
        '--price-per-million',
        '0.2',
        '--name',
        'product',
      ],
    );
    expect([code, err]).toEqual([0, '']);
    const headings = ['What to expect', 'Settings', 'Why not', 'Taken for granted', 'To paste'];
    expect(out).toMatch(new RegExp(`^product  Cache-aside with invalidation\\n[^]*${headings.join('[^]*')}`));
    expect(out).toMatch(/saves a month +[\d,]+ queries, worth [\d,]+ at 0.2 a million/);
    expect(out).toContain('const products = keyspace({');
    expect(out).toContain("bounded('2s')");
  });

  it('as JSON it is one document', async () => {
    const { code, out } = await run('advise', ...LEAST, '--json');
    expect([code, out.trim().split('\n').length]).toEqual([0, 1]);
    const advice = JSON.parse(out) as Advice;
    expect(advice).toMatchObject({
      choice: expect.any(String),
      workload: { reads: 5_000, writes: 20, keys: 10_000 },
    });
    expect(advice.alternatives).toHaveLength(4);
  });

  it('no cache is advice too', async () => {
    const { code, out } = await run('advise', '--reads', '1/s', '--writes', '100/s', '--keys', '10');
    expect([code, out]).toEqual([0, expect.stringMatching(/^item {2}No cache\n/)]);
    expect(out).not.toContain('To paste');
  });

  it('takes a file, and flags before what it says', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'tidemark-advise-'));
    try {
      const path = join(dir, 'products.yaml');
      await writeFile(path, 'name: product\nreads: 5000/s\nwrites: 20/s\nkeys: 1000\nloadCost: 8ms\n');
      const { code, out } = await run('advise', '--workload', path, '--keys', '2_000', '--json');
      expect([code, JSON.parse(out)]).toMatchObject([
        0,
        { workload: { name: 'product', keys: 2_000, loadCost: 8 } },
      ]);
      await writeFile(path, 'reads: 1\nwrites: 1\nkeys: 1\nload-cost: 8ms');
      const wrong = await run('advise', '--workload', path);
      expect(wrong).toMatchObject({
        code: 2,
        out: '',
        err: expect.stringMatching(/^E_WORKLOAD: there is no load-cost; .*loadCost/),
      });
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it('takes a cluster of a table', async () => {
    const { code, out } = await run('advise', '--workload', TABLE, '--cluster', 'cluster34', '--json');
    expect([code, JSON.parse(out)]).toMatchObject([
      0,
      { choice: 'ttl-only', workload: { name: 'cluster34' } },
    ]);
  });

  it.each([
    [['--reads', '5/s'], 2, 'E_WORKLOAD', /^--writes: is missing/],
    [[...LEAST, '--load-cost', '8'], 2, 'E_WORKLOAD', /^--load-cost: "8" is not understood/],
    [
      [...LEAST, '--cluster', 'a'],
      2,
      'E_WORKLOAD',
      /^--cluster: is a row of a table: give the table with --workload/,
    ],
    [[...LEAST, '--keyspace', 'a'], 2, 'E_WORKLOAD', /^--keyspace: .* give --prometheus/],
    [
      ['--prometheus', 'http://127.0.0.1:9', '--window', 'x'],
      2,
      'E_CONFIGURATION',
      /--window: "x" is not a duration/,
    ],
    [
      ['--prometheus', 'http://127.0.0.1:9', '--window', '5ms'],
      2,
      'E_CONFIGURATION',
      /--window must be at least 1s/,
    ],
    [['--prometheus', 'nowhere'], 1, 'E_METRICS', /is no address of a Prometheus/],
    [['--read', '5'], 2, 'E_USAGE', /unknown option/],
  ])('%j: exit code %i, %s', async (args, exit, name, message) => {
    const { code, out, err } = await run('advise', ...args, '--json');
    expect([code, out]).toEqual([exit, '']);
    expect(JSON.parse(err)).toEqual({ error: { code: name, message: expect.stringMatching(message) } });
  });
});
