import { describe, expect, it } from 'vitest';
import { advise } from '../src/advise.ts';
import type { Advice, Choice } from '../src/advice.ts';
import { workload, type WorkloadInput } from '../src/workload.ts';

/** A shop's products: read a lot, written now and then, in three regions. */
const SHOP = {
  name: 'product',
  reads: '5000/s',
  writes: '20/s',
  keys: 100_000,
  loadCost: '8ms',
  nodes: 6,
  regions: 3,
  writers: 'triggers',
} as const;

function adviceFor(changed: Partial<WorkloadInput> = {}): Advice {
  return advise(workload({ ...SHOP, ...changed }));
}
const why = (advice: Advice, choice: Choice): string | undefined =>
  advice.choice === choice
    ? advice.reasons[0]
    : advice.alternatives.find((each) => each.choice === choice)?.why;

describe('no cache', () => {
  it.each<[string, Partial<WorkloadInput>, RegExp]>([
    ['nobody reads', { reads: 0 }, /nobody reads/],
    [
      'most are written before they are read again',
      { reads: 100, writes: 1_000 },
      /only \d.* of the reads would be hits/,
    ],
    [
      'reads are of keys that nobody read before',
      { newKeys: 0.9 },
      /would be hits: values are seldom read twice/,
    ],
    [
      'more writes are told than loads are spared',
      { reads: 100, writes: 90, keys: 10, regions: 1 },
      /each of these costs about what a load does/,
    ],
    ['a load is as quick as a hit', { loadCost: '300us', keys: 1e9 }, /a load takes 0.3 ms/],
    [
      'the version costs what the load does',
      { loadCost: '1ms', staleness: '0s' },
      /asks the source for each version/,
    ],
  ])('%s', (_name, changed, reason) => {
    const advice = adviceFor(changed);
    expect(advice).toMatchObject({ choice: 'no-cache', proposal: null, snippet: null, savings: null });
    expect(advice.reasons[0]).toMatch(reason);
  });

  it.each<[string, Partial<WorkloadInput>]>([
    ['five reads for each write', { reads: 100, writes: 20, keys: 10, regions: 1 }],
    ['loads of 8 ms', { keys: 1e9 }],
    ['loads that take longer than a version', { staleness: '0s' }],
  ])('but not with %s', (_name, changed) => expect(adviceFor(changed).choice).not.toBe('no-cache'));
});

describe('TTL only', () => {
  it('when minutes are tolerated and cost hardly a hit', () => {
    const advice = adviceFor({ staleness: '10m', keys: 10_000 });
    expect(advice).toMatchObject({
      choice: 'ttl-only',
      proposal: { ttlS: 600, invalidated: false, consistency: { level: 'eventual' } },
    });
  });

  it('when nothing is ever written', () => {
    expect(adviceFor({ writes: 0 })).toMatchObject({ choice: 'ttl-only', proposal: { ttlS: 604_800 } });
    expect(adviceFor({ writes: 0, dependencies: 1, dependencyWrites: 5 }).choice).not.toBe('ttl-only');
  });

  it.each<[string, Partial<WorkloadInput>, RegExp]>([
    ['no tolerance was stated', {}, /no tolerance of staleness was stated/],
    [
      'it is of seconds',
      { staleness: '59s' },
      /59 s of staleness are tolerated, and a TTL alone is worth it from 1m/,
    ],
    ['users must see their own writes', { staleness: '10m', readYourWrites: true }, /no TTL gives them/],
    ['it costs hits', { staleness: '1m', keys: 1e7 }, /would miss .* with it .* are missed/],
  ])('but not when %s', (_name, changed, reason) => {
    const advice = adviceFor(changed);
    expect(advice.choice).not.toBe('ttl-only');
    expect(why(advice, 'ttl-only')).toMatch(reason);
  });
});

describe('change data capture', () => {
  it('when writers go past the library, and no trigger can see them', () => {
    const advice = adviceFor({ writers: 'outside', staleness: '5s' });
    expect(advice.choice).toBe('change-data-capture');
    expect(advice.snippet).toContain('tidemark.bump');
    expect(advice.reasons.join(' ')).toContain('from the bump on');
  });

  it.each<[Partial<WorkloadInput>, RegExp]>([
    [{ writers: 'triggers' }, /triggers see every writer/],
    [{ writers: 'library' }, /all writes go through the library/],
  ])('but not with %j', (changed, reason) =>
    expect(why(adviceFor(changed), 'change-data-capture')).toMatch(reason),
  );

  it('nor when a TTL is enough', () =>
    expect(adviceFor({ writers: 'outside', staleness: '10m', keys: 10_000 }).choice).toBe('ttl-only'));
});

describe('write-through', () => {
  it('when writers of the library spare the misses of three regions', () => {
    const advice = adviceFor({ writers: 'library', keys: 1_000, writes: '200/s' });
    expect(advice).toMatchObject({ choice: 'write-through', proposal: { onWrite: 'update' } });
    expect(advice.snippet).toContain("onWrite: 'update'");
  });

  it.each<[string, Partial<WorkloadInput>, RegExp]>([
    ['others write too', { writers: 'triggers' }, /only writes through the library/],
    ['values are made from others', { dependencies: 1 }, /are not shipped: each region/],
    ['values are large', { valueBytes: '20KiB' }, /16 KiB/],
    ['writes cause hardly a miss', { writes: '1/s' }, /hardly a miss/],
    [
      'most writes are never read',
      { regions: 1, nodes: 1, writeZipf: 0, keys: 1e6, writes: '500/s' },
      /more than readers do|hardly a miss/,
    ],
  ])('but not when %s', (_name, changed, reason) => {
    const advice = adviceFor({ writers: 'library', keys: 1_000, writes: '200/s', ...changed });
    expect(advice.choice).toBe('cache-aside');
    expect(why(advice, 'write-through')).toMatch(reason);
  });
});

describe('cache-aside', () => {
  it('is what is left, and says what it brings', () => {
    const advice = adviceFor({ writes: '2/s' });
    expect(advice).toMatchObject({
      choice: 'cache-aside',
      proposal: { onWrite: 'invalidate', invalidated: true },
    });
    expect(advice.reasons[0]).toMatch(/^loads fall from 5,000\/s to .* 2,500 reads for each write/);
    expect(advice.alternatives.map(({ choice }) => choice)).not.toContain('cache-aside');
    expect(advice.alternatives).toHaveLength(4);
  });

  it('nodes refresh what they lose when that spares a wait, and loads hardly more', () => {
    const advice = adviceFor({ keys: 1_000, writes: '50/s' });
    expect(advice).toMatchObject({ choice: 'cache-aside', proposal: { onWrite: 'refresh' } });
    expect(advice.reasons.join(' ')).toMatch(/onWrite 'refresh' is worth it: /);
    const writtenOnly = adviceFor({ keys: 2_000, writes: '200/s', writeZipf: 0 });
    expect(writtenOnly.proposal?.onWrite).toBe('invalidate');
  });

  it('tells what dependencies do to it', () => {
    const advice = adviceFor({ dependencies: 3 });
    expect(advice.reasons.join(' ')).toContain(
      'made from 3 other keys: they make values stale 60 times a second, own writes 20 times',
    );
    expect(advice.prediction.misses).toBeGreaterThan(adviceFor().prediction.misses);
    expect(advice.snippet).toContain('dependsOn');
  });
});

describe('what is proposed', () => {
  it.each<[string, Partial<WorkloadInput>, object]>([
    ['no bound', {}, { level: 'eventual' }],
    ['2 s', { staleness: '2s' }, { level: 'bounded', boundMs: 2_000 }],
    ['less than regions prove', { staleness: '1s' }, { level: 'latest' }],
    ['nothing stale', { staleness: 0 }, { level: 'latest' }],
    ['their own writes', { staleness: '2s', readYourWrites: true }, { level: 'session' }],
  ])('consistency for %s', (_name, changed, consistency) =>
    expect(adviceFor(changed).proposal?.consistency).toMatchObject(consistency),
  );

  it('a TTL as long as it brings hits, and an L1 no larger than that', () => {
    const few = adviceFor({ keys: 100 }).proposal!;
    const many = adviceFor({ keys: 1e7 }).proposal!;
    expect([few.ttlS, few.l1!.entriesMax]).toEqual([300, 100]);
    expect(many.ttlS).toBeGreaterThan(3_600);
    expect(many.l1!.bytesMax).toBeLessThanOrEqual(64 * 1_024 ** 2);
    expect(adviceFor({ l1Memory: '300B' }).proposal!.l1).toBeNull();
  });

  it('absence is kept as long as values where an insert invalidates it', () => {
    const misses = { absent: 0.3, keys: 1e6 };
    const { ttlS, negativeTtlS } = adviceFor(misses).proposal!;
    expect(negativeTtlS).toBe(ttlS);
    expect(adviceFor(misses).snippet).toContain('negativeTtl');
    expect(adviceFor({ ...misses, writers: 'outside' }).proposal!.negativeTtlS).toBe(10);
  });

  it('latency and money, when they can be known', () => {
    const { latency, savings, prediction } = adviceFor({ pricePerMillion: 0.2 });
    expect(latency).toMatchObject({ withoutMs: 8, p50Ms: 0.001 });
    expect(savings!.queries).toBeCloseTo((5_000 - prediction.loads) * 2_592_000, 0);
    expect(savings!.money).toBeCloseTo((savings!.queries / 1e6) * 0.2, 6);
    const unknown = advise(workload({ reads: 10, writes: 1, keys: 10 }));
    expect([unknown.latency, unknown.savings?.money]).toEqual([null, null]);
    expect(unknown.assumptions.join(' ')).toContain('nothing is said of latency');
  });

  it('a snippet whose durations a keyspace takes', () => {
    expect(adviceFor({ staleness: '90s', keys: 100 }).snippet).toMatch(/ttl: '90s'/);
    expect(adviceFor({ staleness: '2500ms' }).snippet).toContain("bounded('2500ms')");
  });
});

it('is quick for a billion keys', () => {
  const beganMs = performance.now();
  adviceFor({ keys: 1e9, nodes: 300 });
  expect(performance.now() - beganMs).toBeLessThan(10_000); // A second on a machine that does nothing else.
});
